# shellcheck shell=sh
sysctl_option kernel.sysrq sysrq
