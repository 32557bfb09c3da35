# shellcheck shell=sh
packages_present isc-dhcp-server kea-dhcp4-server kea-dhcp6-server dhcp-server dhcp
units_running isc-dhcp-server.service dhcpd.service dhcpd6.service kea-dhcp4-server.service
ports_open 67/udp
