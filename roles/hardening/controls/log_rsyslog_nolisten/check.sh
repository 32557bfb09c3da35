# shellcheck shell=sh
tell configured inputs "$(cat /etc/rsyslog.conf /etc/rsyslog.d/*.conf 2>/dev/null |
    sed -n 's/^[^#]*\(im[tu][cd]p\|imrelp\).*/ \1/p')"
ports_open 514/tcp 514/udp 6514/tcp
