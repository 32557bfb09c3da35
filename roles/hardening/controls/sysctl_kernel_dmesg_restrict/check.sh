# shellcheck shell=sh
sysctl_option kernel.dmesg_restrict dmesg_restrict
