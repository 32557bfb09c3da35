# shellcheck shell=sh
module_off jffs2
