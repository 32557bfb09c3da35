# shellcheck shell=sh
module_off sctp
