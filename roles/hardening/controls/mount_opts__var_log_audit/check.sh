# shellcheck shell=sh
mount_tell /var/log/audit
