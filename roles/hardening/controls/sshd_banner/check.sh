# shellcheck shell=sh
sshd_option banner
banner_tell /etc/issue.net
