# shellcheck shell=sh disable=SC2154
conf_value /etc/login.defs UID_MIN ' ' || value=1000
case $value in '' | *[!0-9]*) value=1000 ;; esac
_least=$value
accounts || return 0
tell effective shell "$(printf '%s\n' "$value" | awk -F: -v least="$_least" '
    $2 > 0 && ($2 < least || $2 == 65534) && $1 !~ /^(sync|shutdown|halt)$/ { print $1, $4 == "" ? "/bin/sh" : $4 }')"
