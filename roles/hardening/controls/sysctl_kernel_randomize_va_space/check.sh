# shellcheck shell=sh
sysctl_option kernel.randomize_va_space randomize_va_space
