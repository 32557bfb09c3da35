# shellcheck shell=sh disable=SC2154
tree_look || return 0
_list=$(printf '%s\n' "$_tree" | sed -n 's/^s [0-7]* /exec:/p')
IFS=$NL
set -f
# shellcheck disable=SC2086
set -- $_list
set +f
IFS=$USUAL
for _item in "$@"; do see configured program "${_item#exec:}"; done
[ $# -gt 0 ] || none configured program
audit_needs "$@"
