# shellcheck shell=sh
file_modes /usr/sbin/auditctl /usr/sbin/aureport /usr/sbin/ausearch /usr/sbin/autrace /usr/sbin/auditd /usr/sbin/augenrules
_there=0
for _file in /etc/audit/auditd.conf /etc/audit/audit.rules; do
    [ -f "$_file" ] || continue
    mode_as configuration "$_file" && _there=1
done
[ "$_there" = 1 ] || none effective configuration
_there=0
for _file in /etc/audit/rules.d/*.rules; do
    [ -f "$_file" ] || continue
    mode_as rules "$_file" && _there=1
done
[ "$_there" = 1 ] || none effective rules
