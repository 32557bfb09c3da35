# shellcheck shell=sh
sshd_option authenticationmethods
