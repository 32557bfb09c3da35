# shellcheck shell=sh
mount_tell /tmp
