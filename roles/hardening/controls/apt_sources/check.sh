# shellcheck shell=sh disable=SC2154
_there=0 _safe=no
for _file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -f "$_file" ] || continue
    case $(awk '
        /^[ \t]*#/ { next }
        /^deb.*\[.*trusted=yes.*\]/ || /^[Tt]rusted:[ \t]*yes/ { bad = 1 }
        /^deb.*security/ || /^([Uu][Rr][Ii]s|[Ss]uites):.*security/ { good = 1 }
        END { print bad "/" good }' "$_file") in
    1/1) see configured trusted yes "$_file" && _there=1 _safe=yes ;;
    1/) see configured trusted yes "$_file" && _there=1 ;;
    /1) _safe=yes ;;
    esac
done
[ "$_there" = 1 ] || none configured trusted
see configured security "$_safe"
