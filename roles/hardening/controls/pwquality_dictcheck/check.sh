# shellcheck shell=sh
pam_setting dictcheck password pam_pwquality.so /etc/security/pwquality.conf 1
