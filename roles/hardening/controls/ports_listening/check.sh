# shellcheck shell=sh disable=SC2154
_read_ports
_there=0
for _one in $_ports; do
    case $_one in */udp) [ "${_one%/*}" -lt 32768 ] || continue ;; esac
    see effective listening "$_one" && _there=1
done
[ "$_there" = 1 ] || none effective listening
