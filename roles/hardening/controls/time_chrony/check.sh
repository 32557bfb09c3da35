# shellcheck shell=sh disable=SC2154
packages_named chrony
case $FAMILY in rhel) unit_on chronyd.service ;; *) unit_on chrony.service ;; esac
tell configured server "$(contents /etc/chrony.conf /etc/chrony/chrony.conf /etc/chrony/conf.d/*.conf \
    /etc/chrony/sources.d/*.sources | awk '/^(server|pool|peer)[ \t]/ { print " " $2 }')"
value=$(limited chronyc -c tracking 2>/dev/null)
case ${value##*,} in
Normal) see effective synchronised yes "$(printf %s "$value" | cut -d, -f2)" ;;
*) see effective synchronised no ;;
esac
units_running systemd-timesyncd.service ntp.service ntpsec.service ntpd.service
