# shellcheck shell=sh
packages_present snmpd net-snmp
units_running snmpd.service
ports_open 161/udp
