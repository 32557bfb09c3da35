# shellcheck shell=sh
pam_setting maxrepeat password pam_pwquality.so /etc/security/pwquality.conf 0
