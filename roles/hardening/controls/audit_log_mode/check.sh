# shellcheck shell=sh
file_modes /var/log/audit
_there=0
for _file in /var/log/audit/audit.log*; do
    [ -f "$_file" ] || continue
    _stat=$(stat -c '%a %U %G' -- "$_file") || { cannot unreadable; continue; }
    _there=1
    see effective log "${_stat%% *}" "$_file"
    _stat=${_stat#* }
    see effective owner "${_stat% *}" "$_file"
    see effective group "${_stat#* }" "$_file"
done
[ "$_there" = 1 ] || none effective log
