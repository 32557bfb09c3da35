# shellcheck shell=sh
module_off usb-storage
