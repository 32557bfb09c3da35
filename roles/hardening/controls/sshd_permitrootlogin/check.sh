# shellcheck shell=sh
sshd_option permitrootlogin
