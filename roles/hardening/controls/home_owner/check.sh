# shellcheck shell=sh disable=SC2154
home_directories
_odd=0 _gone=0
IFS=$NL
set -f
for _one in $_homes; do
    _home=${_one#*:}
    if [ ! -d "$_home" ]; then
        see effective missing "${_one%%:*}" "$_home" && _gone=1
    else
        _stat=$(stat -c %U -- "$_home")
        [ "$_stat" = "${_one%%:*}" ] || { see effective foreign "$_stat" "$_home" && _odd=1; }
    fi
done
set +f
IFS=$USUAL
[ "$_odd" = 1 ] || none effective foreign
[ "$_gone" = 1 ] || none effective missing
