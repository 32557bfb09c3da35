# shellcheck shell=sh
packages_present squid squid-openssl
units_running squid.service
ports_open 3128/tcp
