"""Services that run old code: restarted where that was approved, told where it was not."""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import (
    journal,
    processes,
    standing,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import run

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.applying import Task

NEVER = (
    "dbus.service", "dbus-broker.service", "systemd-logind.service", "user@", "getty@",
    "serial-getty@", "console-getty", "display-manager.service", "gdm.service", "lightdm.service",
    "sddm.service",
)  # fmt: skip
"""Restarting these throws people out or takes the host down; only a reboot renews them.

The engine foresees restarts by the same names (``effects`` in its room ``domains.patching``).
"""

_UNIT = re.compile(r"(?:/usr)?/lib/systemd/system/([^/]+)\.service|/etc/init\.d/([^/]+)")
_SETTLING_SECONDS = 20.0


def stale_services() -> list[str]:
    """Services with processes whose program or library was replaced under them."""
    units = {one.unit for one in processes.processes() if one.deleted}
    return sorted(unit for unit in units if unit.endswith(".service"))


def may_restart(unit: str) -> bool:
    """Whether restarting it is harmless to those who are logged in."""
    return unit.endswith(".service") and not unit.startswith(NEVER)


def restart_stale(approved: t.Collection[str]) -> tuple[list[str], list[str]]:
    """Restart what runs old code and may be: restarted, and those that did not come back."""
    if any(one.pid == 1 and one.deleted for one in processes.processes()):
        run("systemctl", "daemon-reexec")
    wanted = [unit for unit in stale_services() if unit in approved and may_restart(unit)]
    return wanted, [unit for unit in wanted if not _restarted(unit)]


def _restarted(unit: str) -> bool:
    return run("systemctl", "restart", "--", unit, timeout=300).status == 0 and is_up(unit)


def is_up(unit: str) -> bool:
    """Whether a service is active; a starting one is waited for."""
    end = time.monotonic() + _SETTLING_SECONDS
    while True:
        state = run("systemctl", "is-active", "--", unit).out.strip()
        if state not in ("activating", "reloading") or time.monotonic() > end:
            return state == "active"
        time.sleep(0.5)


def altered(before: t.Sequence[t.Mapping[str, str]]) -> list[str]:
    """Services that are not what they were: asked when a change ends, they are its doing."""
    return sorted(row["unit"] for row, _ in _differing(before))


def concerned(task: Task, files: t.Iterable[str]) -> t.Callable[[str], bool]:
    """Which services an undo may touch: those of the packages with these ``files``, those the plan
    restarts, and those that the change altered. Where it was cut short nobody noted them, so
    there whatever is not as it was counts as its doing.
    """
    noted = journal.altered(task.change)
    matches = [match for match in map(_UNIT.fullmatch, files) if match]
    names = {match.group(1) or match.group(2) for match in matches}
    known = {*(noted or []), *map(str, task.given.get("restart_services") or [])}

    def is_ours(unit: str) -> bool:
        name = unit[: -len(".service")]
        template = name.partition("@")[0] + "@"
        return noted is None or unit in known or name in names or template in names

    return is_ours


def put_back(
    before: t.Sequence[t.Mapping[str, str]], is_ours: t.Callable[[str], bool]
) -> tuple[list[str], list[str], list[str]]:
    """Make our services what they were: whether they start at boot, and whether they run.

    Those that were changed, those of them that could not be, and others that differ and are left.
    """
    changed, failed, others = [], [], []
    for row, commands in _differing(before):
        unit = row["unit"]
        if not is_ours(unit):
            others.append(unit)
            continue
        changed.append(unit)
        if any(run("systemctl", *words, "--", unit, timeout=300).status for words in commands):
            failed.append(unit)
    return changed, failed, others


def _differing(
    before: t.Sequence[t.Mapping[str, str]],
) -> list[tuple[t.Mapping[str, str], list[list[str]]]]:
    """Services that are not what they were, with the words to systemctl that make them so."""
    now = {row["unit"]: row for row in standing.with_enablement(standing.units())}
    found = []
    for row in before:
        current = now.get(row["unit"], {})
        commands = [*_enablement(row, current), *_running(row, current)]
        if commands:
            found.append((row, commands))
    return found


def _enablement(was: t.Mapping[str, str], now: t.Mapping[str, str]) -> list[list[str]]:
    wanted = was.get("enabled", "")
    if wanted == now.get("enabled", "") or not now:
        return []
    steps = [["unmask"]] if now.get("enabled") == "masked" else []
    word = {"enabled": "enable", "disabled": "disable", "masked": "mask"}.get(wanted)
    return [*steps, [word]] if word else []


def _running(was: t.Mapping[str, str], now: t.Mapping[str, str]) -> list[list[str]]:
    """A service that ran and does not any more is started; one that was added is left."""
    ran = was["state"] == "active" and was["sub"] == "running"
    runs = now.get("state") == "active"
    return [["start"]] if ran and not runs else []
