# shellcheck shell=sh disable=SC2154
sshd_read || return 0
_there=0
for _option in allowusers allowgroups denyusers denygroups; do
    if sshd_value "$_option"; then
        see configured limited "$_option $value" && _there=1
        if [ "$_sshd_stale" = 1 ]; then value='(not reloaded)'; else value="$_option $value"; fi
        see effective limited "$value"
    fi
done
[ "$_there" = 1 ] || { none configured limited && none effective limited; }
