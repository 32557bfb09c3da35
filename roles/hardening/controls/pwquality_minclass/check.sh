# shellcheck shell=sh
pam_setting minclass password pam_pwquality.so /etc/security/pwquality.conf 0
pam_setting dcredit password pam_pwquality.so /etc/security/pwquality.conf 0
pam_setting ucredit password pam_pwquality.so /etc/security/pwquality.conf 0
pam_setting lcredit password pam_pwquality.so /etc/security/pwquality.conf 0
pam_setting ocredit password pam_pwquality.so /etc/security/pwquality.conf 0
