# shellcheck shell=sh
_there=0
for _file in /etc/crontab /etc/cron.d/* /etc/cron.daily/* /etc/cron.weekly/* /var/spool/cron/* \
    /var/spool/cron/crontabs/* /etc/systemd/system/*.timer /etc/systemd/system/*.service; do
    case $_file in */dpkg* | */logrotate* | *'*') continue ;; esac
    [ -f "$_file" ] || continue
    grep -sqiE '^[^#]*(backup|restic|borg|pgbackrest|barman|xtrabackup|mysqldump|pg_dump|rman |duplicity|rsnapshot|bacula|bareos)' \
        "$_file" && see effective scheduled "$_file" && _there=1
done
[ "$_there" = 1 ] || none effective scheduled
