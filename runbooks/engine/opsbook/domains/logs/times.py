"""When a log line was written, by the time it states itself.

A :class:`Recogniser` is chosen once for a piece of log from its first lines; after that only one
pattern runs. Lines are bytes: patterns look at ASCII and at the few Chinese words WebLogic uses,
in UTF-8 and in GB18030, so that no line has to be decoded. The patterns are in
:mod:`opsbook.domains.logs.formats`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from opsbook.domains.logs.formats import AFTERNOON, FORMATS, MONTHS, Format

SAMPLE = 64 * 1024
"""Bytes from the start of a piece that are enough to choose a recogniser."""

_SAMPLE_LINES = 200
_AHEAD = timedelta(days=1)
_LEAP_CYCLE = 9
_REMEMBERED = 4096


class Recogniser:
    """Reads the times of lines of one format, from the first ``reach`` bytes of each.

    Not shared between threads.
    """

    def __init__(self, form: Format, zone: tzinfo, reference: datetime) -> None:
        self.name = form.name
        self._find = form.pattern.match if form.anchored else form.pattern.search
        self.reach = form.reach
        self._groups = tuple(g for g in form.pattern.groupindex if g not in ("mi", "s", "f"))
        self._epoch = "e" in form.pattern.groupindex
        self._zone = zone
        self._reference = reference
        self._hours: dict[tuple[bytes, ...], int] = {}

    @classmethod
    def for_sample(cls, lines: bytes, zone: tzinfo, reference: datetime) -> Recogniser | None:
        """The recogniser that reads most of ``lines``; None when none reads any.

        ``zone`` is for lines that name none; ``reference`` (aware) is when they were collected,
        from which a missing year is told.
        """
        sample = [line for line in lines[:SAMPLE].split(b"\n")[:_SAMPLE_LINES] if line]
        best, most = None, 0.0
        for form in FORMATS:
            reader = cls(form, zone, reference)
            score = form.weight * sum(1 for line in sample if reader.time(line))
            if score > most:
                best, most = reader, score
        return best

    def time(self, line: bytes) -> datetime | None:
        """When ``line`` says it was written, aware; None when it does not say."""
        found = self._find(line[: self.reach])
        return self._moment(found) if found else None

    def minute(self, line: bytes) -> int | None:
        """Minutes since 1970 (UTC) of ``line``; quicker than :meth:`time`."""
        found = self._find(line[: self.reach])
        if found is None:
            return None
        if self._epoch:
            moment = self._moment(found)
            return None if moment is None else int(moment.timestamp() // 60)
        past = int(found["mi"])
        hour = self._hour(found)
        return hour + past if hour >= 0 and past < 60 else None

    def _hour(self, found: re.Match[bytes]) -> int:
        """The minute in which the hour of ``found`` begins; remembered, since lines share it."""
        key = found.group(*self._groups)
        known = self._hours.get(key)
        if known is None:
            moment = self._moment(found)
            known = -1 if moment is None else int(moment.timestamp() // 60) - moment.minute
            if len(self._hours) >= _REMEMBERED:
                self._hours.clear()
            self._hours[key] = known
        return known

    def _moment(self, found: re.Match[bytes]) -> datetime | None:
        part = found.groupdict()
        try:
            if self._epoch:
                return _from_epoch(part)
            return self._from_calendar(part)
        except (ValueError, OverflowError, OSError):
            return None

    def _from_calendar(self, part: dict[str, bytes | None]) -> datetime | None:
        zone = _zone_named(part.get("z"), self._zone)
        month = part["mo"] or b""
        values = (
            int(month) if month.isdigit() else MONTHS[month[:3].lower()],
            int(part["d"] or 0),
            _hour(int(part["h"] or 0), part.get("ap")),
            int(part["mi"] or 0),
            min(int(part["s"] or 0), 59),
            int((part.get("f") or b"0")[:6].ljust(6, b"0")),
        )
        if part.get("y"):
            return _within(datetime(int(part["y"] or 0), *values, tzinfo=zone))
        return _latest_before(self._reference + _AHEAD, values, zone)


def _within(moment: datetime) -> datetime | None:
    """A moment that can be turned into UTC and back in every zone."""
    return moment if 1970 <= moment.year < 9998 else None


def _latest_before(
    limit: datetime, values: tuple[int, int, int, int, int, int], zone: tzinfo
) -> datetime | None:
    """The latest year that puts a time without one before ``limit``."""
    for year in range(limit.year + 1, limit.year - _LEAP_CYCLE, -1):
        try:
            moment = datetime(year, *values, tzinfo=zone)
        except ValueError:
            continue
        if moment <= limit:
            return moment
    return None


def _from_epoch(part: dict[str, bytes | None]) -> datetime | None:
    seconds = int(part["e"] or 0)
    fraction = (part.get("em") or part.get("f") or b"0")[:6].ljust(6, b"0")
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=int(fraction))


def _hour(hour: int, half: bytes | None) -> int:
    if half is None:
        return hour
    return hour % 12 + (12 if half in AFTERNOON else 0)


@lru_cache(maxsize=256)
def _zone_named(name: bytes | None, default: tzinfo) -> tzinfo:
    """An offset or UTC as stated; every other abbreviation is the source's own zone, since
    ``CST`` and its like mean several.
    """
    name = (name or b"").strip()
    if not name:
        return default
    if name.upper() in (b"Z", b"UTC", b"GMT"):
        return UTC
    if name[:1] not in b"+-":
        return default
    digits = name[1:].replace(b":", b"").ljust(4, b"0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
    return timezone(-offset if name[:1] == b"-" else offset)
