# shellcheck shell=sh
conf_tell /etc/exim4/update-exim4.conf.conf dc_local_interfaces interfaces
ports_open 25/tcp 465/tcp 587/tcp
