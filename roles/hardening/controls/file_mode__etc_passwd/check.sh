# shellcheck shell=sh
file_modes /etc/passwd /etc/passwd-
