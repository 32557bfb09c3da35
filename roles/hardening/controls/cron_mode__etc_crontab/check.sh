# shellcheck shell=sh
file_modes /etc/crontab
