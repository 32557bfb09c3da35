# shellcheck shell=sh
pam_setting minlen password pam_pwquality.so /etc/security/pwquality.conf 8
