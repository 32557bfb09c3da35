# shellcheck shell=sh
packages_present slapd openldap-servers
units_running slapd.service
ports_open 389/tcp 636/tcp
