"""What this machine lacks for a lab, tried rather than guessed."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from opsbook.lab import images
from opsbook.lab.machine import LinuxMachine, Machine
from opsbook.model.message import Message, msg

OS_RELEASE = Path("/etc/os-release")

_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "apt-get": "apt",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "setpriv": "util-linux",
}
_OF_VMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
}
_TAP = "ip tuntap add obtry mode tap"
_OVERLAY = (
    "mount -t tmpfs lab /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && "
    "mount -t overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w lab /mnt/m"
)
_BRIDGE = (
    "ip link add name obtry type bridge && ip link add obtry1 type veth peer name obtry2 && "
    "ip link set obtry1 master obtry"
)


def requirements(
    directory: Path, machine: Machine | None = None, *, uid: int | None = None
) -> list[Message]:
    """One sentence for each thing missing for a lab in ``directory``; none when all is there."""
    machine = machine or LinuxMachine()
    if (os.geteuid() if uid is None else uid) != 0:
        return [msg("A lab needs root: it boots containers and makes network bridges.")]
    return [*_place(directory), *_programs(machine, _PROGRAMS)] or list(_abilities(machine))


def of_vms(machine: Machine) -> list[Message]:
    """One sentence for each thing missing for a virtual machine, beside what a lab needs."""
    if platform.machine() != "x86_64":
        return [msg("The lab's virtual machine needs a machine of the kind x86_64.")]
    missing = list(_programs(machine, _OF_VMS))
    done = machine.run(["unshare", "--net", "sh", "-c", _TAP])
    return [*missing, *([_unable("tap", done.err.strip())] if done.status else [])]


def _place(directory: Path) -> Iterator[Message]:
    if re.search(r"[:,\\\s\"%]", str(directory)):
        yield msg(
            "The state directory {directory} cannot hold a lab: overlay mounts allow no blanks, "
            "quotes, commas, colons, percent signs or backslashes in paths.",
            directory=directory,
        )


def _programs(machine: Machine, programs: Mapping[str, str]) -> Iterator[Message]:
    for program, package in programs.items():
        if machine.run(["sh", "-c", 'command -v "$1"', "sh", program]).status:
            yield msg(
                "The program {program} is missing (Debian package {package}).",
                program=program, package=package,
            )  # fmt: skip


def _abilities(machine: Machine) -> Iterator[Message]:
    tries = {
        "mount": ["unshare", "--mount-proc", "--pid", "--fork", "true"],
        "net": ["unshare", "--net", "true"],
        "overlay": ["unshare", "--mount", "sh", "-c", _OVERLAY],
        "bridge": ["unshare", "--net", "sh", "-c", _BRIDGE],
    }
    for what, argv in tries.items():
        done = machine.run(argv)
        if done.status:
            yield _unable(what, done.err.strip())
    text = OS_RELEASE.read_text() if OS_RELEASE.exists() else ""
    if images.find_mirror(machine, text) is None:
        yield msg(
            "apt on this machine knows no Debian release of its own; on Debian, "
            "`apt-get update` mends that."
        )


def _unable(what: str, output: str) -> Message:
    if what == "mount":
        return msg(
            "Mount and process namespaces are not allowed here (CAP_SYS_ADMIN): {output}",
            output=output,
        )
    if what == "net":
        return msg("Network namespaces are not allowed here: {output}", output=output)
    if what == "overlay":
        return msg("Overlay mounts do not work here: {output}", output=output)
    if what == "tap":
        return msg("Network cards of virtual machines do not work here: {output}", output=output)
    return msg("Network bridges do not work here: {output}", output=output)
