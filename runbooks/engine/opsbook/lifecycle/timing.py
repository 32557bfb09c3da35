"""When the waves of a change may begin: its window, and freezes as they were and as they are.

A plan carries the freezes that touched its life when it was made. The gate minds those and the
ones of today, so that taking a freeze out of the estate's files frees no approved plan, and
adding one holds it back at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from opsbook.calendars.days import Calendars, Freeze, FreezeKind
from opsbook.calendars.gate import gate, overrides
from opsbook.model.clock import stamp, unstamp
from opsbook.model.message import Message


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


def closed(
    plan: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> Message | None:
    """Why no work of ``plan`` that ``needs`` so long may begin at ``at``; None when it may."""
    emergency = plan["emergency"] is not None
    return gate(plan["window"], _both(plan, calendars), at, needs, emergency=emergency)


def passed_over(
    plan: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> list[Message]:
    """What an emergency goes through at ``at``; nothing for any other plan."""
    if plan["emergency"] is None:
        return []
    return overrides(plan["window"], _both(plan, calendars), at, needs)


def _both(plan: Mapping[str, Any], calendars: Calendars) -> Calendars:
    planned = {_freeze(data) for data in plan["freezes"]}
    return replace(calendars, freezes=tuple(sorted(planned | set(calendars.freezes))))


def _freeze(data: Mapping[str, Any]) -> Freeze:
    start, end = unstamp(data["start"]), unstamp(data["end"])
    return Freeze(start, end, data["name"], FreezeKind(data["kind"]), data["why"])
