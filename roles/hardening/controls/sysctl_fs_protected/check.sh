# shellcheck shell=sh
sysctl_option fs.protected_hardlinks protected_hardlinks || return 0
sysctl_option fs.protected_symlinks protected_symlinks
