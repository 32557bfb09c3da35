# shellcheck shell=sh
packages_present bluez
units_running bluetooth.service
