# shellcheck shell=sh
mount_separate /dev/shm
