# shellcheck shell=sh disable=SC2154
value=/sys/kernel/security/apparmor/profiles
[ -r "$value" ] || { cannot "unreadable:$value" && return 0; }
awk -v key="$_key" '
    / \(complain\)$/ { printf "see\t%s\teffective\tcomplaining\t\t%.200s\n", key, $1; n++ }
    END { if (!n) printf "none\t%s\teffective\tcomplaining\n", key }' "$value" >&3
