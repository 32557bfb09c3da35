# shellcheck shell=sh
sysctl_option net.ipv4.conf.all.log_martians all_log_martians || return 0
sysctl_option net.ipv4.conf.default.log_martians default_log_martians
