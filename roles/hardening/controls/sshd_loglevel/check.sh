# shellcheck shell=sh
sshd_option loglevel
