# shellcheck shell=sh
module_off hfsplus
