# shellcheck shell=sh
sysctl_option kernel.perf_event_paranoid perf_event_paranoid
