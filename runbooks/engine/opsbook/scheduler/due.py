"""When a schedule is due, and which due times went by without a run. Pure: no clock, no ledger.

Times are declared on the wall clock of the estate. Where that clock changes:

- a local time that does not exist is taken at the first moment after the gap;
- a local time that exists twice is due once, the first time.

``weekly`` is Monday, ``monthly`` is the first day of the month, ``workdays`` are the days of the
estate's calendar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from opsbook.model.runbook import Schedule
from opsbook.scheduler.calendars import Calendar

_DAY = timedelta(days=1)
_HORIZON = timedelta(days=3660)


def due_times(
    when: Schedule, zone: ZoneInfo, calendar: Calendar, *, after: datetime, until: datetime
) -> Iterator[datetime]:
    """Due times in ``(after, until]`` in UTC, each later than the one before; bounds are aware."""
    at = time.fromisoformat(when.at)
    falls = _rule(when, calendar)
    day, last = after.astimezone(zone).date() - _DAY, until.astimezone(zone).date()
    while day <= last:
        if falls(day):
            due = moment(day, at, zone)
            if after < due <= until:
                yield due
                after = due
        day += _DAY


def next_times(
    when: Schedule, zone: ZoneInfo, calendar: Calendar, *, after: datetime, number: int
) -> list[datetime]:
    """The next ``number`` due times after ``after``; fewer when none fall within ten years."""
    times = due_times(when, zone, calendar, after=after, until=after + _HORIZON)
    return list(islice(times, number))


def missed(
    due: Iterable[datetime], starts: Sequence[datetime], *, grace: timedelta, now: datetime
) -> list[datetime]:
    """Those of ``due`` whose time to start, ``[due, due + grace]``, is over without a start."""
    return [
        moment
        for moment in due
        if moment + grace < now and not any(moment <= start <= moment + grace for start in starts)
    ]


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the clocks of ``zone`` show ``at`` on ``day`` for the first
    time; where they never do (PEP 495), the first moment after the gap.
    """
    local = datetime.combine(day, at, tzinfo=zone)
    before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    first = (local.replace(tzinfo=UTC)) - before
    if after <= before:
        return first
    return _gap_end(first - (after - before), first, zone)


def _gap_end(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The moment in ``(low, high]`` at which the offset of ``zone`` changes, by halving."""
    new = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
        if middle.astimezone(zone).utcoffset() == new:
            high = middle
        else:
            low = middle
    return high


def _rule(when: Schedule, calendar: Calendar) -> Callable[[date], bool]:
    if when.days == "workdays":
        return calendar.is_workday
    if when.days == "weekly":
        return lambda day: day.weekday() == 0
    if when.days == "monthly":
        return lambda day: day.day == 1
    return lambda day: True
