# shellcheck shell=sh
module_off overlay
