# shellcheck shell=sh
mount_tell /home
