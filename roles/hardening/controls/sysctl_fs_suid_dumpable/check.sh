# shellcheck shell=sh
sysctl_option fs.suid_dumpable suid_dumpable
