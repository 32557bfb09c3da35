#!/bin/sh
# Keeps one lab host booted: mounts its disk, starts its container, starts it again on reboot.
#
#   supervise.sh HOST_DIRECTORY LOWER_DIRECTORIES CGROUP CABLE COMMAND...
#
# Runs as the first process of its own process and mount namespaces (unshare --pid --mount), so
# that its mounts and every process of the host vanish with it, however it ends: killing it is
# pulling the host's plug. CABLE is "", or "BRIDGE INTERFACE": the outer end of the host's second
# network interface, to be put on that bridge at every boot.
set -eu
directory=$1 lower=$2 cgroup=$3 cable=$4
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

plug_in() {
    # The container makes the interface; there is nothing to wait on but its appearing.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        ip link set "$2" master "$1" up 2>/dev/null && return 0
        sleep 0.5
    done
}

enter_cgroup
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=755 lab /run/systemd/nspawn
mount -t overlay -o "lowerdir=$lower,upperdir=$directory/upper,workdir=$directory/work" \
    lab "$directory/root"
while :; do
    rm -f "$directory/root/var/lib/lab/booted"
    # shellcheck disable=SC2086  # two words
    [ -z "$cable" ] || plug_in $cable &
    status=0
    "$@" || status=$?
    [ "$status" -eq "$rebooted" ] || exit "$status"
done
