# shellcheck shell=sh
mount_tell /var/tmp
