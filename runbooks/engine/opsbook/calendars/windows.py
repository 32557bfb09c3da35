"""Windows: when a plan may be carried out. Pure.

A window is JSON and part of the plan, so that it is approved with it::

    kind      always | recurring | once
    name      of the estate's window, else null
    days, from, to      recurring: as the estate declares it, else null
    start, end          once: RFC 3339, else null
    timezone  the estate's
    words     message: the window in words
    notes     messages an approver must know: years whose holidays are not known
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Any

from opsbook.calendars.days import ONE_DAY, Calendars
from opsbook.calendars.wallclock import instant, moment, shown
from opsbook.documents.changes.labels import DAYS
from opsbook.model.calendar import WEEK, Window
from opsbook.model.clock import stamp, unstamp
from opsbook.model.errors import UsageFault
from opsbook.model.estate import Estate
from opsbook.model.message import Message, msg

HORIZON = timedelta(days=400)
"""How far ahead an opening is looked for."""

_LOOK_AHEAD = timedelta(days=92)
"""How far ahead a plan without an end of its own is told of unknown years."""

Opening = tuple[datetime, datetime]
"""From the first instant (UTC) to before the last."""


def window_for(
    estate: Estate, calendars: Calendars, asked: str | None, at: datetime
) -> dict[str, Any]:
    """The window that was ``asked`` for at ``at``: the name of one of the estate's, ``START/END``
    (ISO 8601, in the estate's zone where it has no offset), or None for any time.

    Raises UsageFault when there is no such window or it can never open.
    """
    if asked is None:
        found = _blank(estate, "always", msg("at any time"))
        last = at + _LOOK_AHEAD
    elif "/" in asked:
        start, end = _once(asked, calendars, at)
        words = msg("once, from {start} to {end}", start=shown(start, calendars.zone),
                    end=shown(end, calendars.zone))  # fmt: skip
        found = _blank(estate, "once", words) | {"start": stamp(start), "end": stamp(end)}
        last = end
    else:
        found = _named(estate, asked)
        last = at + _LOOK_AHEAD
    notes = [_unknown(year) for year in calendars.unknown_years(at, last)]
    return found | {"notes": [note.to_json() for note in notes]}


def openings(window: Mapping[str, Any], calendars: Calendars, after: datetime) -> Iterator[Opening]:
    """The stretches in which ``window`` is open and that end after ``after``, in order.

    Those that touch one another are one. Nothing beyond :data:`HORIZON`.
    """
    if window["kind"] == "always":
        yield after, after + HORIZON
        return
    if window["kind"] == "once":
        start, end = unstamp(window["start"]), unstamp(window["end"])
        if end > after:
            yield start, end
        return
    yield from _joined(_recurring(declared(window), calendars, after))


def declared(window: Mapping[str, Any]) -> Window:
    """The declaration inside a recurring window."""
    keys = ("name", "days", "from", "to")
    return Window.model_validate({key: window[key] for key in keys})


def falls_on(window: Window, calendars: Calendars, on: date) -> bool:
    """Whether ``window`` opens on that day."""
    works = calendars.is_workday(on)
    named = {WEEK[on.weekday()], "workday" if works else "restday"}
    return bool(named & set(window.days))


def opening_on(window: Window, calendars: Calendars, on: date) -> Opening:
    """From when to when ``window`` is open, had it opened on that day."""
    whole = window.over_midnight
    closes = on + ONE_DAY if whole else on
    return moment(on, window.opens, calendars.zone), moment(closes, window.closes, calendars.zone)


def _recurring(window: Window, calendars: Calendars, after: datetime) -> Iterator[Opening]:
    on = after.astimezone(calendars.zone).date() - 2 * ONE_DAY
    last = on + HORIZON
    while on <= last:
        if falls_on(window, calendars, on):
            start, end = opening_on(window, calendars, on)
            if start < end and end > after:
                yield start, end
        on += ONE_DAY


def _joined(found: Iterator[Opening]) -> Iterator[Opening]:
    held: Opening | None = None
    for start, end in found:
        if held is not None and start <= held[1]:
            held = held[0], max(end, held[1])
            continue
        if held is not None:
            yield held
        held = start, end
    if held is not None:
        yield held


def _blank(estate: Estate, kind: str, words: Message) -> dict[str, Any]:
    empty = dict.fromkeys(("name", "days", "from", "to", "start", "end"))
    return {"kind": kind, **empty, "timezone": estate.timezone, "words": words.to_json()}


def _named(estate: Estate, asked: str) -> dict[str, Any]:
    window = next((window for window in estate.windows if window.name == asked), None)
    if window is None:
        known = ", ".join(window.name for window in estate.windows)
        raise UsageFault(
            msg("Estate {estate} has no window named {name}.", estate=estate.name, name=asked),
            untouched=msg("Nothing was planned."),
            next_step=msg("Its windows are: {known}; one for once is START/END, such as"
                          " 2026-11-21T22:00/2026-11-22T06:00.", known=known)
            if known
            else msg("Declare one under windows in estate.yml, or give START/END."),
        )  # fmt: skip
    words = msg(
        "{name}: {days}, from {from} to {to}",
        **{"name": window.name, "days": _days(window.days), "from": window.from_,
           "to": window.to},
    )  # fmt: skip
    parts = {"name": window.name, "days": list(window.days), "from": window.from_, "to": window.to}
    return _blank(estate, "recurring", words) | parts


def _days(names: Sequence[str]) -> Message:
    first, *others = (DAYS[name] for name in names)
    return reduce(lambda some, more: msg("{some}, {more}", some=some, more=more), others, first)


def _once(asked: str, calendars: Calendars, at: datetime) -> Opening:
    first, _, second = asked.partition("/")
    try:
        start, end = _instant(first, calendars), _instant(second, calendars)
    except (ValueError, OverflowError) as error:
        problem = msg(
            "{window} is no window: it is written as START/END, such as"
            " 2026-11-21T22:00/2026-11-22T06:00.",
            window=asked,
        )
        raise UsageFault(problem, untouched=msg("Nothing was planned.")) from error
    if end <= start:
        problem = msg("The window {window} ends before it begins.", window=asked)
        raise UsageFault(problem, untouched=msg("Nothing was planned."))
    if end <= at:
        problem = msg("The window {window} is over already.", window=asked)
        raise UsageFault(problem, untouched=msg("Nothing was planned."))
    return start, end


def _instant(text: str, calendars: Calendars) -> datetime:
    if "T" not in text:
        raise ValueError("a time of day is missing")
    found = datetime.fromisoformat(text)
    if not 1970 <= found.year < 2200:
        raise ValueError("no year of ours")
    return instant(found, calendars.zone) if found.tzinfo is None else found


def _unknown(year: int) -> Message:
    return msg(
        "The public holidays of {year} are not known here: in that year nothing but the week and"
        " the estate's own freezes is heeded. Add them in holidays.yml of the estate.",
        year=year,
    )
