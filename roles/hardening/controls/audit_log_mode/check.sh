# shellcheck shell=sh
file_modes /var/log/audit
_there=0
for _file in /var/log/audit/audit.log*; do
    [ -f "$_file" ] || continue
    mode_as log "$_file" && _there=1
done
[ "$_there" = 1 ] || none effective log
