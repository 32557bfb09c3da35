# shellcheck shell=sh disable=SC2154
if ini_value /etc/dnf/dnf.conf main gpgcheck || ini_value /etc/yum.conf main gpgcheck; then
    see configured gpgcheck "$value"
else
    none configured gpgcheck
fi
_there=0
for _file in /etc/yum.repos.d/*.repo; do
    [ -f "$_file" ] && grep -sq '^gpgcheck[ ]*=[ ]*\(0\|no\|false\)' "$_file" &&
        see configured unsigned "$_file" && _there=1
done
[ "$_there" = 1 ] || none configured unsigned
