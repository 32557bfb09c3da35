# shellcheck shell=sh
pam_setting deny auth pam_faillock.so /etc/security/faillock.conf 3
