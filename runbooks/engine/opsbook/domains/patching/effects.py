"""What installing packages brings with it: restarts, sessions, a reboot, space, time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from opsbook.domains.patching.snapshot import Candidate, Snapshot
from opsbook.model.message import Message, msg

_KERNELS = ("linux-image-", "kernel-core", "kernel-default", "kernel-uek")
_KERNEL_NAMES = ("kernel", "kernel-core", "kernel-rt", "kernel-default")
_EVERYWHERE = {
    "libc6": msg("the C library is in use everywhere"),
    "glibc": msg("the C library is in use everywhere"),
    "systemd": msg("systemd is the first process"),
    "dbus": msg("the message bus cannot be restarted while the host runs"),
    "dbus-daemon": msg("the message bus cannot be restarted while the host runs"),
    "dbus-broker": msg("the message bus cannot be restarted while the host runs"),
    "intel-microcode": msg("microcode is loaded at boot"),
    "amd64-microcode": msg("microcode is loaded at boot"),
    "microcode_ctl": msg("microcode is loaded at boot"),
    "linux-firmware": msg("firmware is loaded at boot"),
    "dracut": msg("the first file system of the boot is made anew"),
    "initramfs-tools": msg("the first file system of the boot is made anew"),
}
"""Binary packages after which a running host keeps old code until it is booted again."""
_BOOT_ONLY = ("intel-microcode", "amd64-microcode", "microcode_ctl", "linux-firmware",
              "dracut", "initramfs-tools")  # fmt: skip
"""Of these, what means nothing in a container, which boots no kernel of its own."""
NOT_RESTARTED = (
    "dbus.service", "dbus-broker.service", "systemd-logind.service", "user@", "getty@",
    "serial-getty@", "console-getty", "display-manager.service", "gdm.service", "lightdm.service",
    "sddm.service",
)  # fmt: skip
"""Services whose restart would end sessions or the host's own footing; modules on hosts never
restart them either (``services.NEVER`` there, held equal by a test)."""

BASE_SECONDS = 25
PER_PACKAGE_SECONDS = 2.0
BYTES_PER_SECOND = 8 * 2**20
REPACK_SECONDS = 3.7
RESTART_SECONDS = 1.5
REBOOT_SECONDS = 90
"""First guesses; measured on lab hosts and corrected by what past changes took."""

UNPACKED_FACTOR = 1.1
BOOT_IMAGE_BYTES = 120 * 2**20
"""Room that a kernel with its first file system takes below /boot."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What is foreseen besides the packages themselves.

    ``restart`` are units restarted, ``sessions`` sessions that keep old code until they end,
    ``boot_reasons`` why the host should be booted again, one line per package.
    """

    restart: tuple[str, ...]
    sessions: tuple[str, ...]
    boot_reasons: tuple[Message, ...]


def effects_of(taken: Sequence[Candidate], snapshot: Snapshot) -> Effects:
    """What installing ``taken`` on the host of ``snapshot`` brings."""
    names = {one.name for one in taken}
    users = [use for use in snapshot.uses if names & set(use.packages)]
    restart = {
        use.unit
        for use in users
        if use.unit.endswith(".service") and not use.unit.startswith(NOT_RESTARTED)
    }
    sessions = {
        use.unit or use.command for use in users if use.unit.startswith(("session-", "user@"))
    }
    reasons = tuple(msg_of for one in taken if (msg_of := _boot_reason(one, snapshot)))
    return Effects(tuple(sorted(restart)), tuple(sorted(sessions)), reasons)


def is_kernel(package: str) -> bool:
    """Whether installing this package needs room below /boot and a reboot to count."""
    return package.startswith(_KERNELS) or package in _KERNEL_NAMES


def reboot_expected(policy: str, effects: Effects) -> bool:
    """Whether the host is booted again by ``policy`` (never, if_needed, always)."""
    return policy == "always" or (policy == "if_needed" and bool(effects.boot_reasons))


def space_needed(taken: Iterable[Candidate]) -> dict[str, int]:
    """Bytes needed below each path of a snapshot's ``space``.

    The undo bundle keeps the old packages, which are about as large as the new ones.
    """
    taken = list(taken)
    archives = sum(one.size for one in taken)
    grown = sum(max(0, one.installed_delta) for one in taken)
    kernels = sum(is_kernel(one.package) for one in taken)
    return {
        "/var/cache/apt/archives": archives,
        "/var/cache/dnf": archives,
        "/var/lib/opsbook": archives,
        "/var/lib/dpkg": 8 * 2**20,
        "/var/lib/rpm": 8 * 2**20,
        "/usr": int((grown + archives) * UNPACKED_FACTOR),
        "/boot": kernels * BOOT_IMAGE_BYTES,
    }


def seconds(
    taken: Sequence[Candidate],
    snapshot: Snapshot,
    effects: Effects,
    *,
    reboot: bool,
    past: Sequence[float],
) -> int:
    """Predicted duration. ``past`` are measured durations of earlier hosts over their prediction.

    Their median corrects the guess, between a quarter and four times of it.
    """
    repacks = sum(snapshot.undo.get(one.name, ("", ""))[0] == "repack" for one in taken)
    guess = BASE_SECONDS + PER_PACKAGE_SECONDS * len(taken) + REPACK_SECONDS * repacks
    guess += sum(one.size for one in taken) / BYTES_PER_SECOND
    guess += RESTART_SECONDS * len(effects.restart) + (REBOOT_SECONDS if reboot else 0)
    correction = min(4.0, max(0.25, median(past))) if past else 1.0
    return round(guess * correction)


def _boot_reason(one: Candidate, snapshot: Snapshot) -> Message | None:
    if is_kernel(one.package):
        if snapshot.boot.container:
            return None
        return msg("{package}: a new kernel runs from the next boot on", package=one.package)
    why = _EVERYWHERE.get(one.package)
    if why is None or (snapshot.boot.container and one.package in _BOOT_ONLY):
        return None
    return msg("{package}: {why}", package=one.package, why=why)
