"""What runs on a host and from which files, read from proc(5): no program is asked."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    names,
    read,
)

_CODE = re.compile(r"^\S+ ..x\S \S+ \S+ \d+ +(/.*)$", re.MULTILINE)
_UNIT = re.compile(r"^[^/]+\.(?:service|scope)$")
_SOCKET = re.compile(r"^socket:\[(\d+)\]$")
_DELETED = " (deleted)"
_NO_CODE = ("/memfd:", "/dev/", "/SYSV", "/tmp/", "/var/tmp/", "/run/", "/proc/", "/[")  # noqa: S108 (names to pass over)
_LONGEST_COMMAND = 100


class Process(t.NamedTuple):
    """One process. ``unit`` is its systemd unit or scope, empty when it has none."""

    pid: int
    parent: int
    unit: str
    command: str
    code: frozenset[str]
    deleted: frozenset[str]


def processes() -> list[Process]:
    """Every process but kernel threads and those that carry this module."""
    found = {}
    for name in names("/proc"):
        if name.isdigit():
            one = _process(int(name))
            if one is not None:
                found[one.pid] = one
    ours = _ours(found)
    return [found[pid] for pid in sorted(found.keys() - ours)]


def _process(pid: int) -> Process | None:
    maps = read(f"/proc/{pid}/maps")
    if not maps:
        return None
    paths = set(_CODE.findall(maps))
    deleted = {path[: -len(_DELETED)] for path in paths if path.endswith(_DELETED)}
    words = read(f"/proc/{pid}/cmdline").split("\0")
    code = {path for path in paths if not path.endswith(_DELETED)}
    code |= {word for word in words[1:3] if word.startswith("/")}  # the script of an interpreter
    return Process(
        pid=pid,
        parent=_parent(pid),
        unit=_unit(read(f"/proc/{pid}/cgroup")),
        command=read(f"/proc/{pid}/comm").strip()[:_LONGEST_COMMAND],
        code=frozenset(code),
        deleted=frozenset(path for path in deleted if not path.startswith(_NO_CODE)),
    )


def _parent(pid: int) -> int:
    """Field 4 of stat; the name before it is in brackets and may hold anything."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _unit(cgroup: str) -> str:
    """The innermost unit in the process's control group: systemd's own hierarchy or any."""
    lines = sorted(cgroup.splitlines(), key=lambda line: ":name=systemd:" not in line)
    for line in lines:
        for part in reversed(line.split(":", 2)[-1].split("/")):
            if _UNIT.match(part):
                return part
    return ""


def _ours(found: t.Mapping[int, Process]) -> set[int]:
    """This module, those it came from up to the daemon that let us in, and its login session."""
    ours, pid = set(), os.getpid()
    own_unit = found[pid].unit if pid in found else ""
    while pid in found and (found[pid].parent > 1 or pid == os.getpid()):
        ours.add(pid)
        pid = found[pid].parent
    if own_unit.startswith("session-"):
        ours |= {one.pid for one in found.values() if one.unit == own_unit}
    return ours


def grouped(
    running: t.Iterable[Process], owner: t.Callable[[Process], t.Iterable[str]]
) -> list[dict[str, t.Any]]:
    """Unit and command of the processes that have packages by ``owner``, without their numbers."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in running:
        packages = set(owner(one))
        if packages:
            found.setdefault((one.unit, one.command), set()).update(packages)
    return [
        {"unit": unit, "command": command, "packages": sorted(found[unit, command])}
        for unit, command in sorted(found)
    ]


def socket_owners(running: t.Iterable[Process]) -> dict[str, str]:
    """Number of a socket -> command of a process that has it open."""
    found: dict[str, str] = {}
    for one in running:
        directory = f"/proc/{one.pid}/fd"
        for name in names(directory):
            match = _SOCKET.match(_link(f"{directory}/{name}"))
            if match:
                found.setdefault(match.group(1), one.command)
    return found


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
