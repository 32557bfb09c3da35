# shellcheck shell=sh
sysctl_option net.ipv4.conf.all.secure_redirects all_secure_redirects || return 0
sysctl_option net.ipv4.conf.default.secure_redirects default_secure_redirects
sysctl_interfaces ipv4 secure_redirects
