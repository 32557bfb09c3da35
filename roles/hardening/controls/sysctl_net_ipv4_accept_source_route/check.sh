# shellcheck shell=sh
sysctl_option net.ipv4.conf.all.accept_source_route all_accept_source_route || return 0
sysctl_option net.ipv4.conf.default.accept_source_route default_accept_source_route
