# shellcheck shell=sh
pam_setting difok password pam_pwquality.so /etc/security/pwquality.conf 1
