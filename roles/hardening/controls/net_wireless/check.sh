# shellcheck shell=sh disable=SC2154
_there=0
for _dir in /sys/class/net/*/wireless; do
    _dir=${_dir%/wireless}
    [ -r "$_dir/operstate" ] || continue
    read -r value <"$_dir/operstate"
    [ "$value" = down ] || { see effective wireless "${_dir##*/}" && _there=1; }
done
[ "$_there" = 1 ] || none effective wireless
