# shellcheck shell=sh
_there=0
for _file in /etc/yum.repos.d/*.repo; do
    [ -f "$_file" ] && grep -sq '^gpgcheck[ ]*=[ ]*\(0\|no\|false\)' "$_file" &&
        see configured unsigned "$_file" && _there=1
done
[ "$_there" = 1 ] || none configured unsigned
