# shellcheck shell=sh
sysctl_option net.core.bpf_jit_harden bpf_jit_harden
