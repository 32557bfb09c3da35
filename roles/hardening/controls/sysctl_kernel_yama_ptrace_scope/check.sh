# shellcheck shell=sh
sysctl_option kernel.yama.ptrace_scope ptrace_scope
