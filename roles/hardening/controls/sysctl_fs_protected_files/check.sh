# shellcheck shell=sh
sysctl_option fs.protected_fifos protected_fifos || return 0
sysctl_option fs.protected_regular protected_regular
