"""How far a host is on the way of its plan, seen on the host itself. Pure."""

from __future__ import annotations

from opsbook.domains.patching.snapshot import Package, Snapshot
from opsbook.execution.work import Examined, Standing
from opsbook.model.message import msg
from opsbook.model.plan import HostPlan, Item

_REPAIRABLE = ("installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending",
               "half-installed")  # fmt: skip
"""States that ``dpkg --configure -a`` and installing the same version again bring to an end."""


def standing(plan: HostPlan, snapshot: Snapshot, change: str) -> Examined:
    """Where the host of ``snapshot`` stands.

    Done: every planned package is at its version and the host's own journal says that this change
    ended. Untouched: all are where they were. Anything between can be completed when each planned
    package is at one of its two versions.
    """
    packages = {item.key: snapshot.installed.get(_name(item)) for item in plan.items}
    before = sum(_sound(packages[item.key], item.before) for item in plan.items)
    after = sum(_sound(packages[item.key], item.after) for item in plan.items)
    total = len(plan.items)
    strange = [item.key for item in plan.items if not _on_the_way(packages[item.key], item)]
    if before == total and not snapshot.interrupted:
        return Examined(Standing.UNTOUCHED, msg("all {total} packages are as before", total=total))
    if after == total and not snapshot.interrupted and _ended(snapshot, change):
        return Examined(
            Standing.DONE, msg("all {total} packages are at their planned version", total=total)
        )
    found = msg(
        "{after} of {total} packages are at their planned version and {before} as before",
        after=after, total=total, before=before,
    )  # fmt: skip
    if strange:
        found = msg("{found}; {item} is at neither", found=found, item=strange[0])
    return Examined(Standing.MIDWAY, found, repairable=not strange)


def _name(item: Item) -> str:
    return item.key.removeprefix("package:")


def _sound(package: Package | None, version: str | None) -> bool:
    return package is not None and package.state == "installed" and package.version == version


def _on_the_way(package: Package | None, item: Item) -> bool:
    return (
        package is not None
        and package.version in (item.before, item.after)
        and package.state in _REPAIRABLE
    )


def _ended(snapshot: Snapshot, change: str) -> bool:
    """What follows the packages (restarts, a reboot) was done as well, as the journal tells."""
    return (
        snapshot.journal is None
        or snapshot.journal[0] != change
        or (snapshot.journal[1] == "applied")
    )
