"""How far a host is on the way of its plan, seen on the host itself. Pure."""

from __future__ import annotations

from opsbook.domains.patching.snapshot import Package, Snapshot
from opsbook.execution.surveyed import Place, ended, how_far
from opsbook.execution.work import Examined
from opsbook.model.plan import HostPlan, Item

_REPAIRABLE = ("installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending",
               "half-installed")  # fmt: skip
"""States that ``dpkg --configure -a`` and installing the same version again bring to an end."""


def standing(plan: HostPlan, snapshot: Snapshot, change: str) -> Examined:
    """Where the host of ``snapshot`` stands.

    It is done only when its own journal says that this change ended: what follows the packages
    (restarts, a reboot) was done as well.
    """

    def place(item: Item) -> Place:
        return _place(item, snapshot.installed.get(item.key.removeprefix("package:")))

    cut_off = snapshot.interrupted
    over = ended(snapshot.journal, change) and not cut_off
    return how_far(plan, place, begun=cut_off, ended=over)


def _place(item: Item, package: Package | None) -> Place:
    if package is None or package.version not in (item.before, item.after):
        return Place.ELSEWHERE
    if package.state != "installed":
        return Place.BETWEEN if package.state in _REPAIRABLE else Place.ELSEWHERE
    return Place.BEFORE if package.version == item.before else Place.AFTER
