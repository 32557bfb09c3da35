# shellcheck shell=sh disable=SC2154
_there=0
for _name in dailyaidecheck.timer aidecheck.timer; do
    unit_state "$_name" && [ "$active" = active ] && see effective scheduled "$_name" && _there=1
done
for _file in /etc/cron.d/* /etc/cron.daily/* /etc/crontab; do
    [ "$_there" = 0 ] && [ -f "$_file" ] && grep -q '^[^#]*/aide' "$_file" && see effective scheduled "$_file" && _there=1
done
[ "$_there" = 1 ] || none effective scheduled
