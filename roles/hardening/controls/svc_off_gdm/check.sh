# shellcheck shell=sh
packages_present gdm3 gdm
units_running gdm.service gdm3.service
