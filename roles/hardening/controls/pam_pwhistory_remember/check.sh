# shellcheck shell=sh
pam_setting remember password pam_pwhistory.so /etc/security/pwhistory.conf 10
pam_setting enforce_for_root password pam_pwhistory.so /etc/security/pwhistory.conf
pam_setting use_authtok password pam_pwhistory.so /etc/security/pwhistory.conf
