# shellcheck shell=sh disable=SC2154,SC2016
value=$(contents /etc/passwd | awk -F: '$3 == 0 { print $1 }')
[ -n "$value" ] || cannot unreadable:/etc/passwd
for _user in $value; do see effective uid0 "$_user" "$_user"; done
