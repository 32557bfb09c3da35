# shellcheck shell=sh
tell configured inputs "$(contents /etc/rsyslog.conf /etc/rsyslog.d/*.conf |
    sed -n 's/^[^#]*\(im[tu][cd]p\|imrelp\).*/ \1/p')"
ports_open 514/tcp 514/udp 6514/tcp
