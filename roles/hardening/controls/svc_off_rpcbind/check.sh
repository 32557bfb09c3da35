# shellcheck shell=sh
packages_present rpcbind
units_running rpcbind.service rpcbind.socket
ports_open 111/tcp 111/udp
