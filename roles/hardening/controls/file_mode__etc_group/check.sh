# shellcheck shell=sh
file_modes /etc/group /etc/group-
