"""How far a host is on the way of its plan, seen on the host itself. Pure."""

from __future__ import annotations

from opsbook.domains.hardening.planning.hostplan import step_id
from opsbook.domains.hardening.planning.snapshot import Look, Snapshot
from opsbook.execution.work import Examined, Standing
from opsbook.model.message import msg
from opsbook.model.plan import HostPlan, Item


def standing(plan: HostPlan, now: Snapshot, change: str) -> Examined:
    """Where the host of ``now`` stands.

    Done: no step would change anything and the host's own journal says that this change came to
    its end, a fresh login included. Untouched: every step would do what was planned. Anything
    between is completed by doing it again where each item is at one of its two values.
    """
    looks = {item.key: now.looks.get(step_id(item)) for item in plan.items}
    total = len(plan.items)
    before = sum(_is_before(item, looks[item.key]) for item in plan.items)
    after = sum(_is_after(looks[item.key]) for item in plan.items)
    strange = [item.key for item in plan.items if not _on_the_way(item, looks[item.key])]
    if before == total and not _begun(now, change):
        return Examined(Standing.UNTOUCHED, msg("all {total} items are as before", total=total))
    if after == total and _ended(now, change):
        return Examined(Standing.DONE, msg("all {total} items are as planned", total=total))
    found = msg("{after} of {total} items are as planned and {before} as before",
                after=after, total=total, before=before)  # fmt: skip
    if strange:
        found = msg("{found}; {item} is at neither", found=found, item=strange[0])
    return Examined(Standing.MIDWAY, found, repairable=not strange)


def _is_before(item: Item, look: Look | None) -> bool:
    planned = (item.before, item.after)
    return look is not None and look.changes and (look.was, look.becomes) == planned


def _is_after(look: Look | None) -> bool:
    return look is not None and not look.changes and not look.problem


def _on_the_way(item: Item, look: Look | None) -> bool:
    return _is_before(item, look) or _is_after(look)


def _begun(now: Snapshot, change: str) -> bool:
    """Whether the host noted that this change began to write, and not that it was brought back."""
    return now.journal is not None and now.journal[0] == change and now.journal[1] not in _NOTHING


def _ended(now: Snapshot, change: str) -> bool:
    return now.journal is None or now.journal[0] != change or now.journal[1] in _ENDED


_NOTHING = ("prepared", "undone", "reverted")
_ENDED = ("applied", "confirmed")
