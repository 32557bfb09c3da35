# shellcheck shell=sh
needs_ipv6 || return 0
sysctl_option net.ipv6.conf.all.accept_source_route all_accept_source_route || return 0
sysctl_option net.ipv6.conf.default.accept_source_route default_accept_source_route
