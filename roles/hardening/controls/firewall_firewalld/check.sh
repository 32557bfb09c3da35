# shellcheck shell=sh
unit_on firewalld.service
conf_tell /etc/firewalld/firewalld.conf DefaultZone zone
units_running nftables.service iptables.service ufw.service
