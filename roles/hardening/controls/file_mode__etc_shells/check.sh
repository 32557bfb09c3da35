# shellcheck shell=sh
file_modes /etc/shells
