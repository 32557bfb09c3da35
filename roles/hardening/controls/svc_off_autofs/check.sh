# shellcheck shell=sh
packages_present autofs
units_running autofs.service
