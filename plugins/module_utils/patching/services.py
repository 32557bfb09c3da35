"""Services that run old code: restarted where that was approved, told where it was not."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import (
    processes,
    standing,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.commands import run

NEVER = (
    "dbus.service", "dbus-broker.service", "systemd-logind.service", "user@", "getty@",
    "serial-getty@", "display-manager.service", "gdm.service", "lightdm.service", "sddm.service",
)  # fmt: skip
"""Restarting these throws people out or takes the host down; only a reboot renews them."""

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


def put_back(before: t.Sequence[t.Mapping[str, str]]) -> tuple[list[str], list[str]]:
    """Make services what they were: whether they start at boot, and whether they run.

    Only those that are not: changed, and those that could not be.
    """
    now = {row["unit"]: row for row in standing.with_enablement(standing.units())}
    changed, failed = [], []
    for row in before:
        unit, current = row["unit"], now.get(row["unit"], {})
        commands = [*_enablement(row, current), *_running(row, current)]
        if commands:
            changed.append(unit)
            if any(run("systemctl", *words, "--", unit, timeout=300).status for words in commands):
                failed.append(unit)
    return changed, failed


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
