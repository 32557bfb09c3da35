# shellcheck shell=sh
sshd_option maxstartups
