# shellcheck shell=sh
packages_present nfs-kernel-server
units_running nfs-server.service nfs-kernel-server.service
ports_open 2049/tcp
