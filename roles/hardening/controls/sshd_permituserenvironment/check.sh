# shellcheck shell=sh
sshd_option permituserenvironment
