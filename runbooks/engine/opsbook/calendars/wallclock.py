"""What the clocks of a zone show, as instants. Where they change (PEP 495):

- a local time that does not exist is taken at the first moment after the gap;
- a local time that exists twice is taken the first time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the clocks of ``zone`` show ``at`` on ``day``."""
    local = datetime.combine(day, at, tzinfo=zone)
    before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    first = (local.replace(tzinfo=UTC)) - before
    if after <= before:
        return first
    return _gap_end(first - (after - before), first, zone)


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, of a moment without an offset."""
    return moment(local.date(), local.time(), zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, of ``day`` in ``zone``."""
    return moment(day, time(), zone)


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


def shown(at: datetime, zone: ZoneInfo) -> str:
    """``at`` as people of ``zone`` read it: ``2026-11-21 22:00 +08:00``."""
    written = at.astimezone(zone).strftime("%Y-%m-%d %H:%M %z")
    return f"{written[:-2]}:{written[-2:]}"
