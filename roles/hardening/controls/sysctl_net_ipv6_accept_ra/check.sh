# shellcheck shell=sh
needs_ipv6 || return 0
sysctl_option net.ipv6.conf.all.accept_ra all_accept_ra || return 0
sysctl_option net.ipv6.conf.default.accept_ra default_accept_ra
sysctl_interfaces ipv6 accept_ra
