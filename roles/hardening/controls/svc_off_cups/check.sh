# shellcheck shell=sh
packages_present cups cups-daemon
units_running cups.service cups.socket cups.path cups-browsed.service
ports_open 631/tcp
