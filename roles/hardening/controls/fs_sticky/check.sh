# shellcheck shell=sh
tree_look || return 0
tree_tell d no_sticky
