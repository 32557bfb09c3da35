"""Right before a host is touched: whether its approved plan would still do the same. Pure.

Nothing is chosen again. Every approved step is looked at again, and the way in is judged again:
what came in between, a new key, another address, another account, may lock us out now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from opsbook.domains.hardening.planning.hostplan import step_id, undo_of
from opsbook.domains.hardening.planning.lockout import lockout
from opsbook.domains.hardening.planning.snapshot import Look, Snapshot
from opsbook.domains.hardening.planning.telling import way_in
from opsbook.domains.hardening.planning.way import Way
from opsbook.domains.hardening.store.model import Acceptance
from opsbook.execution.surveyed import occupied
from opsbook.model.message import Message, msg
from opsbook.model.plan import HostPlan, Item, Outlook


def ask_again(
    approved: HostPlan,
    now: Snapshot,
    way: Way,
    ours: Collection[str],
    accepted: Mapping[str, Acceptance],
) -> HostPlan:
    """What ``now`` would make of ``approved``; equal to it when nothing drifted.

    ``ours`` are the numbers under which this change may hold the host's marker; ``accepted`` are
    controls of it that a waiver accepts by now, of which the approvers did not know.
    """
    if approved.outlook is not Outlook.CHANGE:
        return approved
    waived = (_waived(control, by) for control, by in accepted.items())
    reason = next(chain(waived, _refusals(approved, now, way, ours)), None)
    items = () if reason else tuple(_items(approved, now.looks))
    outlook = Outlook.CANNOT if reason else Outlook.CHANGE if items else Outlook.NOTHING
    if outlook is Outlook.NOTHING:
        reason = msg("all of its steps are done already")
    return HostPlan(
        host=approved.host,
        outlook=outlook,
        reason=reason,
        items=items,
        undo=undo_of(approved.items, now.looks),
        notes=approved.notes,
        seconds=approved.seconds,
        given=dict(approved.given) | {"way": way_in(way)},
    )


def _waived(control: str, by: Acceptance) -> Message:
    return msg("{control} was accepted by waiver {change} after this was planned",
               control=control, change=by.change)  # fmt: skip


def _refusals(
    approved: HostPlan, now: Snapshot, way: Way, ours: Collection[str]
) -> Iterator[Message]:
    busy = occupied(now.lease, ours)
    if busy is not None:
        yield busy
    steps: Sequence[Mapping[str, Any]] = approved.given["steps"]
    values: Mapping[str, Mapping[str, Any]] = approved.given["controls"]
    for step in steps:
        look = now.looks.get(step["id"])
        if look is None:
            yield msg("the host did not say what {step} would do", step=step["id"])
        elif look.problem:
            yield msg("{control}: {reason}", control=step["control"], reason=look.problem)
        locked = lockout([step], values.get(step["control"], {}), way)
        if locked is not None:
            yield msg("{control} would lock opsbook out: {why}", control=step["control"],
                      why=locked)  # fmt: skip


def _items(approved: HostPlan, looks: Mapping[str, Look]) -> Iterator[Item]:
    """The approved items as they are now, and steps that nobody saw a need for then."""
    planned = {step_id(item): item for item in approved.items}
    for step in approved.given["steps"]:
        look, item = looks[step["id"]], planned.get(step["id"])
        if look.changes and item is not None:
            now = {"restart": list(look.effects), "packages": [dict(row) for row in look.packages]}
            detail = dict(item.detail) | now
            yield Item(item.key, item.text, look.was, look.becomes,
                       item.coverage, detail)  # fmt: skip
        elif look.changes:
            text = msg("{control} is no longer as it was", control=step["control"])
            yield Item(f"control:{step['id']}", text, look.was, look.becomes)
