# shellcheck shell=sh
sshd_option usepam
