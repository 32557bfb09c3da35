"""How far a host is on the way of its plan, seen on the host itself. Pure."""

from __future__ import annotations

from opsbook.domains.hardening.planning.hostplan import step_id
from opsbook.domains.hardening.planning.snapshot import Look, Snapshot
from opsbook.execution.surveyed import Place, ended, how_far, writing
from opsbook.execution.work import Examined
from opsbook.model.plan import HostPlan, Item


def standing(plan: HostPlan, now: Snapshot, change: str) -> Examined:
    """Where the host of ``now`` stands.

    It is done only when its own journal says that this change came to its end, a fresh login
    included.
    """

    def place(item: Item) -> Place:
        return _place(item, now.looks.get(step_id(item)))

    begun, over = writing(now.journal, change), ended(now.journal, change)
    return how_far(plan, place, begun=begun, ended=over)


def _place(item: Item, look: Look | None) -> Place:
    if look is None:
        return Place.ELSEWHERE
    if look.changes:
        same = (look.was, look.becomes) == (item.before, item.after)
        return Place.BEFORE if same else Place.ELSEWHERE
    return Place.ELSEWHERE if look.problem else Place.AFTER
