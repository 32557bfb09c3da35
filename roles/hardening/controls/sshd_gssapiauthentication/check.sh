# shellcheck shell=sh
sshd_option gssapiauthentication
