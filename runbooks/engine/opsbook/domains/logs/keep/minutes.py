"""Which minutes have a line: found in a piece by sampling, kept as one bitmap per UTC day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from opsbook.domains.logs.times import Recogniser

DAY_MINUTES = 1440
SPACING = 4096
"""One line about every so many bytes is looked at."""

_BACKWARDS = 64
_PLAUSIBLE_PAST = timedelta(days=400)
_PLAUSIBLE_FUTURE = timedelta(days=2)


def minute_of(moment: datetime) -> int:
    """Minutes since 1970 in UTC."""
    return int(moment.timestamp() // 60)


def moment_of(minute: int) -> datetime:
    """The start of a minute, in UTC."""
    return datetime.fromtimestamp(minute * 60, UTC)


class Coverage:
    """A set of minutes as bitmaps: day since 1970 -> 1,440 bits.

    Times further than 400 days before or 2 days after ``reference`` are counted in ``strange``
    and left out: a broken clock must not fill the catalogue.
    """

    def __init__(self, reference: datetime) -> None:
        self.days: dict[int, int] = {}
        self.earliest: int | None = None
        self.latest: int | None = None
        self.strange = 0
        self._from = minute_of(reference - _PLAUSIBLE_PAST)
        self._to = minute_of(reference + _PLAUSIBLE_FUTURE)

    def add(self, minute: int) -> None:
        """``minute`` has a line."""
        if self.earliest is None or minute < self.earliest:
            self.earliest = minute
        if self.latest is None or minute > self.latest:
            self.latest = minute
        if not self._from <= minute < self._to:
            self.strange += 1
            return
        day, bit = divmod(minute, DAY_MINUTES)
        self.days[day] = self.days.get(day, 0) | 1 << bit


class Sampler:
    """Finds the minutes of a piece that comes in steps.

    One line about every :data:`SPACING` bytes is read. When two neighbouring samples are in the
    same or in adjacent minutes, the lines between are taken to be; otherwise each is looked at.
    """

    def __init__(self, recogniser: Recogniser, coverage: Coverage) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None
        self._recogniser = recogniser
        self._coverage = coverage
        self._carry = b""
        self._known: int | None = None

    def step(self, data: bytearray, length: int) -> None:
        """The next ``length`` bytes of the piece."""
        start = data.find(b"\n", 0, length) + 1
        if start == 0:
            self._carry += bytes(data[: min(length, self._recogniser.reach)])
            self._carry = self._carry[: self._recogniser.reach]
            return
        self._look(self._carry + bytes(data[: min(start - 1, self._recogniser.reach)]))
        end = data.rfind(b"\n", 0, length)
        self._last_in(data, self._samples(data, start, end), end)
        self._carry = bytes(data[end + 1 : min(length, end + 1 + self._recogniser.reach)])

    def finish(self) -> None:
        """The piece is over: an unfinished last line counts too."""
        if self._carry:
            self._look(self._carry)

    def _line(self, data: bytearray, at: int) -> bytes:
        return bytes(data[at : at + self._recogniser.reach]).partition(b"\n")[0]

    def _samples(self, data: bytearray, at: int, end: int) -> int:
        """Samples of the lines of ``data[at:end]``; where the last sample was."""
        sampled = at
        while at < end:
            minute = self._recogniser.minute(self._line(data, at))
            if minute is not None:
                self._take(data, sampled, at, minute)
                sampled = at
                at += SPACING
            at = _next_line(data, at, end)
        return sampled

    def _take(self, data: bytearray, before: int, at: int, minute: int) -> None:
        """A sample at ``at``; the one before it was at ``before``, or earlier than this step."""
        if self._known is not None and abs(minute - self._known) > 1:
            self._each(data, before, at)
        self._known = minute
        self._coverage.add(minute)
        if self.first is None:
            self.first = self._recogniser.time(self._line(data, at))

    def _each(self, data: bytearray, at: int, end: int) -> None:
        while at < end:
            minute = self._recogniser.minute(self._line(data, at))
            if minute is not None:
                self._coverage.add(minute)
            at = _next_line(data, at, end)

    def _look(self, line: bytes) -> None:
        """A line that lay across two steps."""
        minute = self._recogniser.minute(line)
        if minute is not None:
            self._coverage.add(minute)
            self.last = self._recogniser.time(line)
            self.first = self.first or self.last

    def _last_in(self, data: bytearray, sampled: int, end: int) -> None:
        """The last line before ``end`` with a time; a few lines back if need be."""
        for _ in range(_BACKWARDS):
            start = data.rfind(b"\n", 0, end) + 1
            line = self._line(data, start)
            minute = self._recogniser.minute(line)
            if minute is not None:
                self._take(data, sampled, start, minute)
                self.last = self._recogniser.time(line)
            if minute is not None or start <= sampled:
                return
            end = start - 1


def _next_line(data: bytearray, at: int, end: int) -> int:
    found = data.find(b"\n", at, end) if at < end else -1
    return end if found < 0 else found + 1


def minutes_in(days: Mapping[int, int], since: int, until: int) -> Iterator[int]:
    """The minutes of the bitmaps in ``[since, until)``, in order."""
    for day in sorted(days):
        base = day * DAY_MINUTES
        if base + DAY_MINUTES <= since or base >= until:
            continue
        bits = days[day] >> max(0, since - base)
        minute = max(base, since)
        while bits and minute < until:
            skip = (bits & -bits).bit_length() - 1
            minute += skip
            bits >>= skip + 1
            if minute < until:
                yield minute
            minute += 1
