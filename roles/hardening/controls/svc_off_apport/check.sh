# shellcheck shell=sh
packages_present apport
units_running apport.service
