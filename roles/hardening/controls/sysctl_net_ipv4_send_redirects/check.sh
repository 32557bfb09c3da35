# shellcheck shell=sh
sysctl_option net.ipv4.conf.all.send_redirects all_send_redirects || return 0
sysctl_option net.ipv4.conf.default.send_redirects default_send_redirects
sysctl_interfaces ipv4 send_redirects
