# shellcheck shell=sh
mount_separate /var/log/audit
