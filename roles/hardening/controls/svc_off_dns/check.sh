# shellcheck shell=sh
packages_present bind9 bind
units_running named.service bind9.service
