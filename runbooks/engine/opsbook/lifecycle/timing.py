"""When the waves of a change may begin: its window, and freezes as they were and as they are.

A plan carries the freezes that touched its life when it was made. The gate minds those and the
ones of today, so that taking a freeze out of the estate's files frees no approved plan, and
adding one holds it back at once. In the same way it carries when its window was to open, so that a
time zone, workdays or holidays edited afterwards open it at no other time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from opsbook.calendars.days import Calendars, Freeze, FreezeKind
from opsbook.calendars.gate import gate, next_opening, overrides
from opsbook.calendars.wallclock import shown
from opsbook.calendars.windows import openings
from opsbook.model.clock import stamp, unstamp
from opsbook.model.message import Message, msg


def freezes_within(calendars: Calendars, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The freezes that touch the time from ``start`` to ``end``, as plans keep them."""
    return [
        {
            "start": stamp(freeze.start),
            "end": stamp(freeze.end),
            "name": freeze.name,
            "kind": str(freeze.kind),
            "why": freeze.why,
        }
        for freeze in calendars.freezes
        if freeze.start < end and freeze.end > start
    ]


def openings_within(
    window: Mapping[str, Any], calendars: Calendars, start: datetime, end: datetime
) -> list[list[str]]:
    """When a recurring window is open between ``start`` and ``end``, as plans keep it; nothing
    for a window that does not depend on days.
    """
    if window["kind"] != "recurring":
        return []
    found = []
    for opens, closes in openings(window, calendars, start):
        if opens >= end:
            break
        found.append([stamp(opens), stamp(closes)])
    return found


def closes(window: Mapping[str, Any], calendars: Calendars, at: datetime) -> datetime | None:
    """When the opening of ``window`` ends that is open at ``at``, or else comes next; None for a
    window that never closes, or opens no more.
    """
    if window["kind"] == "always":
        return None
    return next((end for _, end in openings(window, calendars, at)), None)


def expired(dossier: Mapping[str, Any]) -> Message:
    """That the plan of a change is over, with its end as the estate's clocks showed it."""
    ended = shown(unstamp(dossier["expires"]), ZoneInfo(dossier["plan"]["estate"]["timezone"]))
    return msg("The plan of {change} expired at {expires}.",
               change=dossier["change"], expires=ended)  # fmt: skip


def try_again(
    dossier: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> Message:
    """What to type when ``needs`` of work of an approved change did not fit in at ``at``."""
    plan = dossier["plan"]
    opening = next_opening(plan["window"], _both(plan, calendars), at, needs)
    if opening is None or opening >= unstamp(plan["expires"]):
        return msg("No opening is left before its plan expires; make a new one:"
                   " opsbook plan RUNBOOK -e ESTATE --window START/END")  # fmt: skip
    return msg("Then type again: opsbook apply {change}", change=dossier["change"])


def closed(
    plan: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> Message | None:
    """Why no work of ``plan`` that ``needs`` so long may begin at ``at``; None when it may."""
    emergency = plan["emergency"] is not None
    problem = gate(plan["window"], _both(plan, calendars), at, needs, emergency=emergency)
    if problem is None and not emergency and not _was_to_be_open(plan, at, needs):
        return msg("Nothing may begin now: {reason}.", reason=msg(
            "the window ({window}) opens now only because the estate's time zone, workdays or"
            " holidays were changed after the plan was made",
            window=Message.from_json(plan["window"]["words"])))  # fmt: skip
    return problem


def passed_over(
    plan: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> list[Message]:
    """What an emergency goes through at ``at``; nothing for any other plan."""
    if plan["emergency"] is None:
        return []
    return overrides(plan["window"], _both(plan, calendars), at, needs)


def _was_to_be_open(plan: Mapping[str, Any], at: datetime, needs: timedelta) -> bool:
    """Whether the plan itself says that its window is open for as long as is needed."""
    if plan["window"]["kind"] != "recurring":
        return True
    times = ((unstamp(start), unstamp(end)) for start, end in plan["openings"])
    return any(start <= at and at + needs <= end for start, end in times)


def _both(plan: Mapping[str, Any], calendars: Calendars) -> Calendars:
    planned = {_freeze(data) for data in plan["freezes"]}
    return replace(calendars, freezes=tuple(sorted(planned | set(calendars.freezes))))


def _freeze(data: Mapping[str, Any]) -> Freeze:
    start, end = unstamp(data["start"]), unstamp(data["end"])
    return Freeze(start, end, data["name"], FreezeKind(data["kind"]), data["why"])
