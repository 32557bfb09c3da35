"""The gate before every wave, for manual, scheduled and resumed runs alike. Pure.

It answers, at one moment, why no work may begin: outside the window, frozen, or too late for the
predicted duration to fit. An emergency goes through; what it went through is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from opsbook.calendars.days import Calendars
from opsbook.calendars.wallclock import shown
from opsbook.calendars.windows import HORIZON, openings
from opsbook.model.clock import unstamp
from opsbook.model.message import Message, msg


def gate(
    window: Mapping[str, Any],
    calendars: Calendars,
    at: datetime,
    needs: timedelta,
    *,
    emergency: bool,
) -> Message | None:
    """Why work that ``needs`` so long may not begin at ``at``; None when it may.

    ``emergency`` is what the approved plan says, never the wish of whoever applies it.
    """
    reason = None if emergency else obstacle(window, calendars, at, needs)
    return msg("Nothing may begin now: {reason}.", reason=reason) if reason else None


def obstacle(
    window: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> Message | None:
    """Why nothing may begin at ``at`` and when it may, as words within a sentence."""
    first = next(_obstacles(window, calendars, at, needs), None)
    if first is None:
        return None
    opening = next_opening(window, calendars, at, needs)
    if opening is None:
        return msg("{reason}; there is no later opening", reason=first)
    return msg("{reason}; the next opening is {at}",
               reason=first, at=shown(opening, calendars.zone))  # fmt: skip


def overrides(
    window: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> list[Message]:
    """Everything that would have kept work out at ``at``: what an emergency goes through."""
    return list(_obstacles(window, calendars, at, needs))


def next_opening(
    window: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> datetime | None:
    """The first moment from ``at`` on at which the gate is open; None within the horizon."""
    for start, end in openings(window, calendars, at):
        moment = _free(calendars, max(start, at), end, needs)
        if moment is not None:
            return moment if moment < at + HORIZON else None
    return None


def _free(
    calendars: Calendars, moment: datetime, end: datetime, needs: timedelta
) -> datetime | None:
    """The first moment of an opening at which nothing is frozen for as long as is needed."""
    while moment < end and moment + needs <= end:
        freeze = calendars.frozen(moment) or _ahead(calendars, moment, needs)
        if freeze is None:
            return moment
        moment = freeze.end
    return None


def _ahead(calendars: Calendars, at: datetime, needs: timedelta) -> Any:
    """The freeze that begins before work begun at ``at`` would be done."""
    coming = calendars.next_freeze(at)
    return coming if coming is not None and coming.start < at + needs else None


def _obstacles(
    window: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> Iterator[Message]:
    yield from _of_window(window, calendars, at, needs)
    frozen = calendars.frozen(at)
    if frozen is not None:
        yield msg("{freeze} lasts until {end}", freeze=frozen.said(),
                  end=shown(frozen.end, calendars.zone))  # fmt: skip
        return
    coming = _ahead(calendars, at, needs)
    if coming is not None:
        yield msg(
            "the work takes about {needs} and {freeze} begins at {start}",
            needs=_length(needs),
            freeze=coming.said(),
            start=shown(coming.start, calendars.zone),
        )


def _of_window(
    window: Mapping[str, Any], calendars: Calendars, at: datetime, needs: timedelta
) -> Iterator[Message]:
    words = Message.from_json(window["words"])
    if window["kind"] == "once" and at >= unstamp(window["end"]):
        yield msg("the window ({window}) is over", window=words)
        return
    start, end = next(openings(window, calendars, at), (None, None))
    if start is None or end is None or at < start:
        yield msg("it is outside the window ({window})", window=words)
    elif window["kind"] != "always" and at + needs > end:
        yield msg("the work takes about {needs} and the window ({window}) closes at {end}",
                  needs=_length(needs), window=words, end=shown(end, calendars.zone))  # fmt: skip


def _length(needs: timedelta) -> str:
    minutes, seconds = divmod(int(needs.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
