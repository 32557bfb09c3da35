#!/bin/sh
# Keeps one lab host booted: mounts its disk, starts its container, starts it again on reboot.
#
#   supervise.sh HOST_DIRECTORY LOWER_DIRECTORIES CGROUP CABLES COMMAND...
#
# Runs as the first process of its own process and mount namespaces (unshare --pid --mount), so
# that its mounts and every process of the host vanish with it, however it ends: killing it is
# pulling the host's plug. CABLES are "BRIDGE INTERFACE ...": the outer ends of the host's network
# interfaces, which the container makes at every boot, and the bridges that they belong on.
set -eu
directory=$1 lower=$2 cgroup=$3 cables=$4
shift 4
rebooted=133

enter_cgroup() {
    # Where no systemd runs on this machine, nobody gives containers control groups of their
    # own; in a shared one they would wait for, and signal, each other's processes.
    [ -n "$cgroup" ] || return 0
    for place in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        [ -e "$place/cgroup.procs" ] || continue
        mkdir -p "$place/$cgroup"
        echo $$ >"$place/$cgroup/cgroup.procs"
    done
}

pull_out() {
    # Of a former boot: the kernel removes them with the host's network, but takes its time.
    while [ $# -gt 0 ]; do
        ip link delete "$2" 2>/dev/null || :
        shift 2
    done
}

plug_in() {
    while [ $# -gt 0 ]; do
        # There is nothing to wait on but the interface's appearing.
        for _ in $(seq 300); do
            ip link set "$2" master "$1" up 2>/dev/null && break
            sleep 0.1
        done
        shift 2
    done
}

enter_cgroup
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=755 lab /run/systemd/nspawn
mount -t overlay -o "lowerdir=$lower,upperdir=$directory/upper,workdir=$directory/work" \
    lab "$directory/root"
while :; do
    rm -f "$directory/root/var/lib/lab/booted"
    # shellcheck disable=SC2086  # a list of names
    pull_out $cables
    # shellcheck disable=SC2086  # the same
    plug_in $cables &
    status=0
    "$@" || status=$?
    [ "$status" -eq "$rebooted" ] || exit "$status"
done
