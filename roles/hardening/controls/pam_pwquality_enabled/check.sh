# shellcheck shell=sh
pam_enabled enabled password pam_pwquality.so
