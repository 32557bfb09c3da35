# shellcheck shell=sh
sudo_default logfile 'Path to log file: '
