# shellcheck shell=sh
sshd_option maxsessions
