# shellcheck shell=sh
module_off overlayfs
