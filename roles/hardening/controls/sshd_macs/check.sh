# shellcheck shell=sh
sshd_option macs
