# shellcheck shell=sh
tell configured default_community "$(contents /etc/snmp/snmpd.conf /etc/snmp/snmpd.conf.d/*.conf | awk '
    /^[ \t]*r[ow]community6?[ \t]/ && ($2 == "public" || $2 == "private") { print " " $2 }
    /^[ \t]*com2sec6?[ \t]/ && ($NF == "public" || $NF == "private") { print " " $NF }')"
