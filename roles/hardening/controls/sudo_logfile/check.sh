# shellcheck shell=sh
sudo_default logfile
