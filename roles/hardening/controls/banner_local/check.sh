# shellcheck shell=sh
banner_tell /etc/issue /etc/motd
