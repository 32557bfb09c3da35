# shellcheck shell=sh
sysctl_option net.ipv4.conf.all.accept_redirects all_accept_redirects || return 0
sysctl_option net.ipv4.conf.default.accept_redirects default_accept_redirects
sysctl_interfaces ipv4 accept_redirects
