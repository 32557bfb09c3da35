# shellcheck shell=sh
conf_tell /etc/audit/auditd.conf space_left_action space_left_action
conf_tell /etc/audit/auditd.conf action_mail_acct action_mail_acct
conf_tell /etc/audit/auditd.conf admin_space_left_action admin_space_left_action
conf_tell /etc/audit/auditd.conf disk_full_action disk_full_action
conf_tell /etc/audit/auditd.conf disk_error_action disk_error_action
