# shellcheck shell=sh
module_off squashfs
