# shellcheck shell=sh
sysctl_option net.ipv4.conf.all.rp_filter all_rp_filter || return 0
sysctl_option net.ipv4.conf.default.rp_filter default_rp_filter
