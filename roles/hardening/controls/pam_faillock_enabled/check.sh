# shellcheck shell=sh
pam_enabled auth auth pam_faillock.so
pam_enabled account account pam_faillock.so
