# shellcheck shell=sh
file_modes /etc/motd /etc/issue /etc/issue.net
