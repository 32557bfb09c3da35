# shellcheck shell=sh
sshd_option maxauthtries
