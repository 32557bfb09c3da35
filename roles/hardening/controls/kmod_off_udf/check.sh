# shellcheck shell=sh
module_off udf
