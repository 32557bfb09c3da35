# shellcheck shell=sh
pam_setting maxsequence password pam_pwquality.so /etc/security/pwquality.conf 0
