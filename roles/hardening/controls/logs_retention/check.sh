# shellcheck shell=sh disable=SC2154
value=$(contents /etc/logrotate.conf | awk '
    BEGIN { unit = 7; keep = 4 }
    /\{/ { inside = 1 } /\}/ { inside = 0; next }
    inside { next }
    $1 == "daily" { unit = 1 } $1 == "weekly" { unit = 7 } $1 == "monthly" { unit = 30 } $1 == "yearly" { unit = 365 }
    $1 == "rotate" && $2 ~ /^[0-9]+$/ { keep = $2 }
    END { print unit * keep }')
if [ -e /etc/logrotate.conf ]; then see configured days "$value"; else see configured days 0; fi
unit_state logrotate.timer
if [ "$active" != active ] && [ -x /etc/cron.daily/logrotate ] && [ ! -d /run/systemd/system ]; then
    active=daily
fi
see effective rotation "$active"
