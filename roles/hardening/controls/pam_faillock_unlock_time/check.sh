# shellcheck shell=sh
pam_setting unlock_time auth pam_faillock.so /etc/security/faillock.conf 600
