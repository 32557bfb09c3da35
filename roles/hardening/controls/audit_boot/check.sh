# shellcheck shell=sh
boot_argument audit audit
boot_argument audit_backlog_limit backlog
