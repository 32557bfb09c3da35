# shellcheck shell=sh
tree_look || return 0
tree_tell s setuid paths
