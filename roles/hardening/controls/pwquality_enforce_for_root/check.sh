# shellcheck shell=sh
pam_setting enforce_for_root password pam_pwquality.so /etc/security/pwquality.conf
