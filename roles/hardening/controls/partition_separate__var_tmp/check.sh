# shellcheck shell=sh
mount_separate /var/tmp
