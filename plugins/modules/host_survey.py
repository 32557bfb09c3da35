#!/usr/bin/python
"""Read what a host is and how it stands, in one pass, changing nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_survey
short_description: Read what a host is and how it stands, in one pass
version_added: 0.1.0
description:
  - Reads operating system, kernel, boot, CPU, memory, file systems, listening sockets, failed
    units, time and pending reboot in one pass.
  - Changes nothing; needs no more than the standard library of Python 3.8 and I(/proc).
  - Sizes of network file systems are left out, because reading them may block for ever.
author:
  - opsbook contributors (@opsbook)
options: {}
attributes:
  check_mode:
    support: full
    description: Reads only, so check mode makes no difference.
  diff_mode:
    support: none
    description: Nothing is changed.
  platform:
    support: full
    platforms: linux
    description: Linux with I(/proc) mounted.
extends_documentation_fragment: []
"""

EXAMPLES = r"""
- name: Read what the hosts are and how they stand
  opsbook.runbooks.host_survey:
"""

RETURN = r"""
opsbook_evidence:
  description: The survey; the same keys on hosts without Python, where a shell script reads them.
  returned: always
  type: dict
  sample:
    schema: 1
    os: {id: debian, version_id: "12", pretty_name: Debian GNU/Linux 12 (bookworm)}
    kernel: {release: 6.1.0-28-amd64, machine: x86_64}
    boot: {id: 0b8f7a2e-7c66-4c0e-9d3f-3a53ac6b5a0d, uptime_seconds: 86400}
    cpu: {count: 2, model: Example CPU, load: 0.00 0.01 0.05}
    memory: {total_bytes: 4123456, available_bytes: 2123456, swap_total_bytes: 0,
             swap_free_bytes: 0}
    file_systems:
      - {mount: /, device: /dev/vda1, type: ext4, size_bytes: 1000, used_bytes: 500,
         used_percent: 50, inodes_used_percent: 3}
    sockets:
      - {protocol: tcp, address: 0.0.0.0, port: 22}
    failed_units: []
    time: {epoch: 1795248000, zone: Asia/Shanghai, synchronised: true}
    reboot_pending: false
    python: 3.11.2
"""

import ipaddress
import os
import platform
import re
import subprocess
import sys
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

LOCAL_TYPES = {"btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "reiserfs", "vfat",
               "xfs", "zfs"}  # fmt: skip
NETWORK_TYPES = {"ceph", "cifs", "glusterfs", "nfs", "nfs4"}
MOST_ROWS = 2000
LISTEN_TCP = "0A"
UNCONNECTED_UDP = "07"


def survey() -> dict[str, t.Any]:
    """Everything, in the form that RETURN describes."""
    return {
        "schema": 1,
        "os": os_release(),
        "kernel": {"release": platform.release(), "machine": platform.machine()},
        "boot": boot(),
        "cpu": cpu(),
        "memory": memory(),
        "file_systems": file_systems(),
        "sockets": sockets(),
        "failed_units": failed_units(),
        "time": clock(),
        "reboot_pending": reboot_pending(),
        "python": platform.python_version(),
    }


def read(path: str) -> str:
    """The text of a file; empty when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def ask(*command: str) -> str | None:
    """What a command prints; None when it is missing, fails or takes too long."""
    environment = dict(os.environ, LC_ALL="C")
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=20, check=False,
                              env=environment)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def os_release() -> dict[str, str | None]:
    found: dict[str, str | None] = {"id": None, "version_id": None, "pretty_name": None}
    for line in (read("/etc/os-release") or read("/usr/lib/os-release")).splitlines():
        key, _, value = line.partition("=")
        if key.lower() in found:
            found[key.lower()] = re.sub(r"""^(["'])(.*)\1$""", r"\2", value)
    return found


def boot() -> dict[str, t.Any]:
    uptime = read("/proc/uptime").split(".")[0]
    return {
        "id": read("/proc/sys/kernel/random/boot_id").strip() or None,
        "uptime_seconds": int(uptime) if uptime.isdigit() else None,
    }


def cpu() -> dict[str, t.Any]:
    text = read("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return {
        "count": len(re.findall(r"^processor\s*:", text, re.MULTILINE)),
        "model": model.group(1).strip() if model else None,
        "load": " ".join(read("/proc/loadavg").split()[:3]),
    }


def memory() -> dict[str, int | None]:
    kib = dict(re.findall(r"^(\w+):\s+(\d+) kB$", read("/proc/meminfo"), re.MULTILINE))
    names = {"total_bytes": "MemTotal", "available_bytes": "MemAvailable",
             "swap_total_bytes": "SwapTotal", "swap_free_bytes": "SwapFree"}  # fmt: skip
    return {key: int(kib[name]) * 1024 if name in kib else None for key, name in names.items()}


def file_systems() -> list[dict[str, t.Any]]:
    """Mounted directories with room for files, in the order of their mounting."""
    found: dict[str, dict[str, t.Any]] = {}
    for line in read("/proc/self/mounts").splitlines():
        device, mount, kind = [unescaped(part) for part in line.split(" ")[:3]]
        if kind in LOCAL_TYPES | NETWORK_TYPES:
            found.pop(mount, None)
            found[mount] = {"mount": mount, "device": device, "type": kind}
    rows = [dict(row, **use(row["mount"], row["type"])) for row in found.values()]
    return [row for row in rows if "size_bytes" in row][:MOST_ROWS]


def unescaped(text: str) -> str:
    """Undo the octal escapes of proc(5) mount tables."""
    raw = re.sub(rb"\\([0-3][0-7]{2})", lambda m: bytes([int(m.group(1), 8)]), text.encode())
    return raw.decode("utf-8", "replace")


def use(mount: str, kind: str) -> dict[str, int | None]:
    """How full it is, as df(1) rounds; nothing for what is not a directory or is hidden."""
    if kind in NETWORK_TYPES:
        return {"size_bytes": None, "used_bytes": None, "used_percent": None,
                "inodes_used_percent": None}  # fmt: skip
    try:
        stat = os.statvfs(mount)
    except OSError:
        return {}
    if not os.path.isdir(mount):
        return {}
    used = stat.f_blocks - stat.f_bfree
    return {
        "size_bytes": stat.f_blocks * stat.f_frsize,
        "used_bytes": used * stat.f_frsize,
        "used_percent": percent(used, used + stat.f_bavail),
        "inodes_used_percent": percent(stat.f_files - stat.f_ffree, stat.f_files),
    }


def percent(part: int, whole: int) -> int | None:
    return (part * 100 + whole - 1) // whole if whole > 0 else None


def sockets() -> list[dict[str, t.Any]]:
    """Listening TCP and unconnected UDP sockets of proc(5) net tables, each once."""
    found = []
    for protocol, state in (("tcp", LISTEN_TCP), ("tcp6", LISTEN_TCP),
                            ("udp", UNCONNECTED_UDP), ("udp6", UNCONNECTED_UDP)):  # fmt: skip
        for line in read("/proc/net/" + protocol).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3 and fields[3] == state:
                address, port = fields[1].split(":")
                row = {"protocol": protocol[:3], "address": inet(address), "port": int(port, 16)}
                if row not in found:
                    found.append(row)
    return found[:MOST_ROWS]


def inet(text: str) -> str:
    """``0100007F`` is 127.0.0.1: words of 32 bits in the byte order of the host."""
    words = [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(w.to_bytes(4, sys.byteorder) for w in words)))


def failed_units() -> list[str] | None:
    printed = ask("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager")
    if printed is None:
        return None
    return [line.split()[0] for line in printed.splitlines() if line.strip()][:MOST_ROWS]


def clock() -> dict[str, t.Any]:
    printed = (ask("timedatectl", "show", "-p", "NTPSynchronized", "--value") or "").strip()
    return {
        "epoch": int(time.time()),
        "zone": zone(),
        "synchronised": {"yes": True, "no": False}.get(printed),
    }


def zone() -> str | None:
    try:
        target = os.readlink("/etc/localtime")
    except OSError:
        target = ""
    return target.partition("zoneinfo/")[2] or read("/etc/timezone").strip() or None


def reboot_pending() -> bool | None:
    """By Debian's flag file or by yum-utils; None where neither is there to tell."""
    if os.path.exists("/run/reboot-required"):
        return True
    if os.path.exists("/etc/debian_version"):
        return False
    try:
        done = subprocess.run(["needs-restarting", "-r"], stdin=subprocess.DEVNULL, timeout=60,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {0: False, 1: True}.get(done.returncode)


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    if not os.path.isdir("/proc/self"):
        module.fail_json(msg="/proc is not mounted, so this host cannot be surveyed")
    module.exit_json(changed=False, opsbook_evidence=survey())


if __name__ == "__main__":
    main()
