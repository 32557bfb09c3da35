# shellcheck shell=sh
sshd_option clientaliveinterval
sshd_option clientalivecountmax
