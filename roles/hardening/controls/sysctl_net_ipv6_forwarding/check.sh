# shellcheck shell=sh
needs_ipv6 || return 0
sysctl_option net.ipv6.conf.all.forwarding all_forwarding
