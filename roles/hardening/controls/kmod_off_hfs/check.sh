# shellcheck shell=sh
module_off hfs
