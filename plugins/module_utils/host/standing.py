"""How a host stands: units, listening sockets, mounts, sessions, kernels, room on its disks."""

from __future__ import annotations

import ipaddress
import os
import platform
import re
import sys
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import run
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    free_bytes,
    names,
    read,
)

_LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
_DISKS = {"btrfs", "ceph", "cifs", "ext2", "ext3", "ext4", "f2fs", "fuse.glusterfs", "glusterfs",
          "jfs", "nfs", "nfs4", "reiserfs", "vfat", "xfs", "zfs"}  # fmt: skip
_SYSTEMD = ("list-units", "--all", "--plain", "--no-legend", "--no-pager", "--full")
_MOST_ROWS = 2000


def units() -> list[dict[str, str]]:
    """Services and what they are doing; none without systemd."""
    found = []
    for row in _listed("--type=service"):
        if row[1] == "loaded":
            found.append({"unit": row[0], "state": row[2], "sub": row[3]})
    return found


def failed() -> list[str]:
    """Units of any kind that failed."""
    return [row[0] for row in _listed("--state=failed")]


def with_enablement(rows: t.Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The same services, each with whether it starts at boot (enabled, disabled, masked ...).

    systemd is asked of the units it has loaded: for ``list-unit-files`` it looks through every
    directory for every unit file there is, which takes more of its time than all of apt's work.
    """
    done = run("systemctl", "show", "-p", "Id", "-p", "UnitFileState", "*.service")
    states = {}
    for block in done.out.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        states[values.get("Id", "")] = values.get("UnitFileState", "")
    return [dict(row, enabled=states.get(row["unit"], "")) for row in rows]


def _listed(*which: str) -> list[list[str]]:
    done = run("systemctl", *_SYSTEMD, *which)
    rows = [line.split(None, 4) for line in done.out.splitlines()]
    return sorted(row for row in rows if len(row) > 3)[:_MOST_ROWS]


def listeners(owners: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
    """Listening TCP and unconnected UDP sockets; ``owners`` maps sockets to commands."""
    found = set()
    for protocol, state in _LISTENING.items():
        for line in read("/proc/net/" + protocol).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == state:
                address, port = fields[1].split(":")
                process = owners.get(fields[9], "")
                found.add((protocol[:3], _address(address), int(port, 16), process))
    keys = ("protocol", "address", "port", "process")
    return [dict(zip(keys, row)) for row in sorted(found)][:_MOST_ROWS]


def _address(text: str) -> str:
    """``0100007F`` is 127.0.0.1: words of 32 bits in the byte order of the host."""
    words = [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words)))


def mounts() -> list[dict[str, str]]:
    """Mounted disks and shares, as proc(5) escapes them."""
    found = {}
    for line in read("/proc/self/mounts").splitlines():
        fields = line.split(" ")
        if len(fields) > 2 and fields[2] in _DISKS:
            found[fields[1]] = {"path": fields[1], "source": fields[0], "type": fields[2]}
    return [found[path] for path in sorted(found)][:_MOST_ROWS]


def sessions() -> list[dict[str, str]]:
    """People and programs logged in, without the session this module came by."""
    own = re.search(r"session-([^/.]+)\.scope", read("/proc/self/cgroup"))
    found = []
    for name in names("/run/systemd/sessions"):
        values = dict(
            line.split("=", 1)
            for line in read("/run/systemd/sessions/" + name).splitlines()
            if "=" in line
        )
        ours = own is not None and own.group(1) == name
        if values.get("CLASS") == "user" and not ours:
            row = (values.get("USER", ""), values.get("TTY", ""), values.get("REMOTE_HOST", ""))
            found.append(dict(zip(("user", "tty", "from"), row)))
    return sorted(found, key=lambda row: (row["user"], row["tty"], row["from"]))


def os_release() -> dict[str, str | None]:
    """What system this is: os-release(5)."""
    keys = {"ID": "id", "VERSION_ID": "version_id", "VERSION_CODENAME": "codename",
            "PRETTY_NAME": "name", "SUPPORT_END": "support_end"}  # fmt: skip
    found: dict[str, str | None] = dict.fromkeys(keys.values())
    for line in (read("/etc/os-release") or read("/usr/lib/os-release")).splitlines():
        key, _, value = line.partition("=")
        if key in keys:
            found[keys[key]] = re.sub(r"""^(["'])(.*)\1$""", r"\2", value)[:200]
    return found


def boot(kernels: t.Mapping[str, str]) -> dict[str, t.Any]:
    """Running and newest installed kernel; ``kernels`` maps releases to versions of packages.

    A container has no kernel of its own, whatever is installed in it.
    """
    running = platform.release()
    inside = in_container()
    there = {one: v for one, v in kernels.items() if os.path.isdir("/lib/modules/" + one)}
    newest = max(there, key=_by_number) if there and not inside else None
    why = []
    if newest and newest != running and _by_number(newest) > _by_number(running):
        why.append(f"kernel {newest} is installed and {running} runs")
    elif newest == running and there[running] not in read("/proc/version"):
        why.append(f"a newer build of kernel {running} is installed")
    if os.path.exists("/run/reboot-required"):
        packages = sorted(set(read("/run/reboot-required.pkgs").split()))[:20]
        why.append("asked for by " + (", ".join(packages) or "/run/reboot-required"))
    return {"running": running, "newest": newest, "pending": bool(why), "why": why,
            "container": inside}  # fmt: skip


def in_container() -> bool:
    """Whether the kernel is somebody else's: os-release of systemd's container interface."""
    return os.path.exists("/run/systemd/container") or "container=" in read("/proc/1/environ")


def _by_number(release: str) -> list[tuple[int, str]]:
    return [(int(number or 0), text) for text, number in re.findall(r"(\D*)(\d*)", release)]


def space(paths: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """Room below each path that is there, with the mount it belongs to."""
    found = []
    for path in paths:
        free = free_bytes(path)
        if free is not None:
            found.append({"path": path, "mount": _mount_of(path), "free": free})
    return found


def _mount_of(path: str) -> str:
    path = os.path.realpath(path)
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path
