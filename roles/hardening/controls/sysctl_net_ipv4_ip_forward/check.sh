# shellcheck shell=sh
sysctl_option net.ipv4.ip_forward ip_forward
