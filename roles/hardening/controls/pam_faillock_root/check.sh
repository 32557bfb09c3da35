# shellcheck shell=sh
pam_setting root_unlock_time auth pam_faillock.so /etc/security/faillock.conf
