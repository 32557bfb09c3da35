# shellcheck shell=sh
packages_present rsync
units_running rsync.service rsyncd.service rsyncd.socket
ports_open 873/tcp
