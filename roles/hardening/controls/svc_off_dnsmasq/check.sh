# shellcheck shell=sh
packages_present dnsmasq
units_running dnsmasq.service
