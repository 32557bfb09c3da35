"""When a schedule is due, and which due times went by without a run. Pure: no clock, no ledger.

Times are declared on the wall clock of the estate; where that clock changes, a due time is the
moment that :mod:`opsbook.calendars.wallclock` says, and never comes twice.

``weekly`` is Monday, ``monthly`` is the first day of the month, ``workdays`` are the days of the
estate's calendar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from opsbook.calendars.days import Calendars
from opsbook.calendars.wallclock import moment
from opsbook.model.runbook import Schedule

_DAY = timedelta(days=1)
_HORIZON = timedelta(days=3660)


def due_times(
    when: Schedule, zone: ZoneInfo, calendar: Calendars, *, after: datetime, until: datetime
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
    when: Schedule, zone: ZoneInfo, calendar: Calendars, *, after: datetime, number: int
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


def _rule(when: Schedule, calendar: Calendars) -> Callable[[date], bool]:
    if when.days == "workdays":
        return calendar.is_workday
    if when.days == "weekly":
        return lambda day: day.weekday() == 0
    if when.days == "monthly":
        return lambda day: day.day == 1
    return lambda day: True
