# shellcheck shell=sh
conf_tell /etc/postfix/main.cf inet_interfaces interfaces
ports_open 25/tcp 465/tcp 587/tcp
