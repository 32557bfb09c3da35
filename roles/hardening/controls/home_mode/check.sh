# shellcheck shell=sh
can_find || return 0
home_files -maxdepth 0 -type d ! -path /root | tell_files mode
