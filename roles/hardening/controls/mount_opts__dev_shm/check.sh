# shellcheck shell=sh
mount_tell /dev/shm
