# shellcheck shell=sh
mount_separate /home
