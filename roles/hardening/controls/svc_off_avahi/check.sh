# shellcheck shell=sh
packages_present avahi-daemon avahi-autoipd avahi
units_running avahi-daemon.service avahi-daemon.socket
ports_open 5353/udp
