# shellcheck shell=sh
sysctl_option kernel.kptr_restrict kptr_restrict
