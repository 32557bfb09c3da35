# shellcheck shell=sh
module_off tipc
