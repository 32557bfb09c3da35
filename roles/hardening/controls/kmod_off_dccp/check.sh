# shellcheck shell=sh
module_off dccp
