"""Calendars from elsewhere: the events of an .ics file (RFC 5545) as freezes.

All-day and timed events count; a time without a zone is the estate's. Such a file is hostile
input: it is read by the library icalendar under limits, and whatever is not plainly a stretch of
time is refused with a sentence, never guessed. Repeated events are refused: a rule may have no
end or no member at all, and what is frozen must be readable line by line.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from opsbook.calendars.days import ONE_DAY, Freeze, FreezeKind
from opsbook.calendars.wallclock import instant, midnight
from opsbook.model.errors import InputFault
from opsbook.model.faults import Fault
from opsbook.model.message import Message, msg

MOST_BYTES = 256 * 1024
"""The largest file that is read."""

MOST_EVENTS = 2000
"""The most events that are taken from one file."""

LONGEST = timedelta(days=400)
"""The longest freeze that is believed."""

_REPEATS = ("RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID")


def read_ics(file: Path, zone: ZoneInfo) -> list[Freeze]:
    """The events of ``file`` in order of their start. Raises InputFault with every fault."""
    data = _data(file)
    faults: list[Fault] = []
    freezes = []
    for number, event in enumerate(_events(file, data), 1):
        found = _freeze(event, zone)
        if isinstance(found, Message):
            faults.append(Fault(str(file), 0, f"VEVENT {number} ({_summary(event)})", found))
        elif found is not None:
            freezes.append(found)
    if faults:
        raise InputFault(
            msg("{file} cannot be used as a calendar.", file=file),
            faults,
            untouched=msg("Nothing was imported."),
        )
    return sorted(freezes)


def _data(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        problem = msg("{file} cannot be read: {reason}", file=file, reason=error.strerror or error)
        raise InputFault(problem, untouched=msg("Nothing was imported.")) from error
    if len(data) > MOST_BYTES:
        raise _refused(file, msg("it is larger than {limit} bytes", limit=MOST_BYTES))
    return data


def _events(file: Path, data: bytes) -> Iterator[Any]:
    from icalendar import Calendar

    if data.count(b"BEGIN:") > 4 * MOST_EVENTS:
        raise _refused(file, msg("it has more than {limit} events", limit=MOST_EVENTS))
    try:
        calendar = Calendar.from_ical(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _refused(file, msg("it is not UTF-8")) from error
    except Exception as error:  # whatever a library makes of nonsense is the file's fault
        raise _refused(file, msg("it is no .ics file: {reason}", reason=_brief(error))) from error
    if getattr(calendar, "name", None) != "VCALENDAR":
        raise _refused(file, msg("it is no .ics file: {reason}", reason="VCALENDAR"))
    events = list(calendar.walk("VEVENT"))
    if len(events) > MOST_EVENTS:
        raise _refused(file, msg("it has more than {limit} events", limit=MOST_EVENTS))
    if not events:
        raise _refused(file, msg("it has no events"))
    yield from events


def _refused(file: Path, reason: Message) -> InputFault:
    return InputFault(
        msg("{file} cannot be used as a calendar: {reason}.", file=file, reason=reason),
        untouched=msg("Nothing was imported."),
    )


def _brief(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _freeze(event: Any, zone: ZoneInfo) -> Freeze | Message | None:
    """The freeze an event is, what is wrong with it, or None where it was called off."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    if any(name in event for name in _REPEATS):
        return msg("it repeats; write each of its days as an event of its own")
    start, end = _value(event, "DTSTART"), _value(event, "DTEND")
    if isinstance(start, Message) or isinstance(end, Message):
        return start if isinstance(start, Message) else end
    if start is None:
        return msg("it has no start")
    span = _span(start, end, _value(event, "DURATION"), zone)
    if isinstance(span, Message):
        return span
    return Freeze(*span, _summary(event), FreezeKind.IMPORTED)


def _summary(event: Any) -> str:
    try:
        return str(event.get("SUMMARY", "")).strip()[:200] or "-"
    except Exception:  # a summary that cannot be read is no reason to drop the freeze
        return "-"


def _value(event: Any, name: str) -> Any:
    """A date, a datetime, a timedelta, None where there is none, or what is wrong with it."""
    found = event.get(name)
    if found is None:
        return None
    if isinstance(found, list):
        return msg("it has more than one {name}", name=name)
    try:
        value = found.dt
        zone = found.params.get("TZID")
    except Exception as error:  # the library reports a broken value when it is looked at
        return msg("its {name} cannot be read: {reason}", name=name, reason=_brief(error))
    if zone and isinstance(value, datetime) and value.tzinfo is None:
        return msg("its time zone {zone} is not known", zone=str(zone))
    return value


def _span(start: Any, end: Any, length: Any, zone: ZoneInfo) -> tuple[datetime, datetime] | Message:
    """RFC 5545, 3.6.1: without an end, a day lasts a day and a moment no time at all."""
    if isinstance(length, Message):
        return length
    try:
        first = _first(start, zone)
        if isinstance(length, timedelta):
            last = _first(start + length, zone)
        elif end is None:
            last = first + ONE_DAY if not isinstance(start, datetime) else first
        else:
            last = _first(end, zone)
    except (OverflowError, ValueError, TypeError, AttributeError):
        return msg("its start or end is no time of ours")
    if last <= first:
        return msg("it does not end after it begins")
    if last - first > LONGEST:
        return msg("it lasts longer than {days} days", days=LONGEST.days)
    return first, last


def _first(value: date | datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC; of a day its first."""
    if not 1970 <= value.year < 2200:
        raise ValueError("no year of ours")
    if not isinstance(value, datetime):
        return midnight(value, zone)
    return instant(value, zone) if value.tzinfo is None else value.astimezone(UTC)
