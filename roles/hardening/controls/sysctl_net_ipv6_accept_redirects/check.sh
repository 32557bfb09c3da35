# shellcheck shell=sh
needs_ipv6 || return 0
sysctl_option net.ipv6.conf.all.accept_redirects all_accept_redirects || return 0
sysctl_option net.ipv6.conf.default.accept_redirects default_accept_redirects
sysctl_interfaces ipv6 accept_redirects
