# shellcheck shell=sh
module_off freevxfs
