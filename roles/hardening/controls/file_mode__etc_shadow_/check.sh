# shellcheck shell=sh
file_modes /etc/shadow- /etc/gshadow-
