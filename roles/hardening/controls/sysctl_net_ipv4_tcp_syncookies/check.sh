# shellcheck shell=sh
sysctl_option net.ipv4.tcp_syncookies tcp_syncookies
