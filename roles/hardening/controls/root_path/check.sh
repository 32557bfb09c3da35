# shellcheck shell=sh disable=SC2154,SC2016
value=$({ contents /etc/login.defs | sed -n 's/^ENV_SUPATH[ \t]*\(PATH=\)*//p'
    contents /etc/environment /root/.profile /root/.bash_profile /root/.bashrc |
        sed -n 's/^[ \t]*\(export[ \t]*\)*PATH=//p'; } |
    tr -d "\"'" | tr ':' '\n' | sort -u)
_there=0
set --
IFS=$NL
set -f
for _entry in $value; do
    case $_entry in
    /*) set -- "$@" "$_entry" ;;
    '$'*) ;;
    *) see configured relative "$_entry" && _there=1 ;;
    esac
done
set +f
IFS=$USUAL
[ "$_there" = 1 ] || none configured relative
[ $# -gt 0 ] || set -- /usr/sbin /usr/bin
file_modes "$@"
