# shellcheck shell=sh
file_modes /usr/sbin/auditctl /usr/sbin/aureport /usr/sbin/ausearch /usr/sbin/autrace /usr/sbin/auditd /usr/sbin/augenrules
_there=0
for _file in /etc/audit/auditd.conf /etc/audit/audit.rules /etc/audit/rules.d/*.rules; do
    [ -f "$_file" ] || continue
    _stat=$(stat -c '%a %U %G' -- "$_file") || { cannot unreadable; continue; }
    _there=1
    see effective configuration "${_stat%% *}" "$_file"
    _stat=${_stat#* }
    see effective owner "${_stat% *}" "$_file"
    see effective group "${_stat#* }" "$_file"
done
[ "$_there" = 1 ] || none effective configuration
