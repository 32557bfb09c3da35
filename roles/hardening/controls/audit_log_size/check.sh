# shellcheck shell=sh
conf_tell /etc/audit/auditd.conf max_log_file max_log_file
conf_tell /etc/audit/auditd.conf max_log_file_action max_log_file_action
