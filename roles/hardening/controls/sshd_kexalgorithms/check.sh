# shellcheck shell=sh
sshd_option kexalgorithms
