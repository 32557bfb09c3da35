# shellcheck shell=sh
pam_setting enforcing password pam_pwquality.so /etc/security/pwquality.conf 1
