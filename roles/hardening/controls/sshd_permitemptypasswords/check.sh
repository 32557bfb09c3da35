# shellcheck shell=sh
sshd_option permitemptypasswords
