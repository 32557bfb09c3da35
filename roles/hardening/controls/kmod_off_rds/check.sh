# shellcheck shell=sh
module_off rds
