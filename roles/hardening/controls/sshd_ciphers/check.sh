# shellcheck shell=sh
sshd_option ciphers
