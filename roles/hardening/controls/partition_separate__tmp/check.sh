# shellcheck shell=sh
mount_separate /tmp
