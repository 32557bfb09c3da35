# shellcheck shell=sh
module_off cramfs
