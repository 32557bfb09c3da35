"""Lines out of a stream of bytes, with their times; flat memory however long a line is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from opsbook.domains.logs.times import Recogniser

LONGEST = 64 * 1024
"""Bytes of a line that are kept; of a longer one only its length is known beyond them."""

_BACKWARDS = 64


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its newline: its first LONGEST bytes, its whole length, and its time or
    that of the last line before it that states one.
    """

    head: bytes
    length: int
    at: datetime | None


class Lines:
    """Takes a stream in steps of any size and gives its lines.

    With ``needle`` only lines that contain these bytes, found at the speed of a search over
    whole steps.
    """

    def __init__(self, needle: bytes = b"") -> None:
        self.recogniser: Recogniser | None = None
        self._needle = needle
        self._head = b""
        self._tail = b""
        self._length = 0
        self._hit = False
        self._at: datetime | None = None

    def step(self, data: bytes) -> Iterator[Line]:
        """The lines that end in ``data``."""
        end = data.rfind(b"\n") + 1
        if end == 0:
            self._extend(data)
            return
        if self._length:
            first = data.find(b"\n")
            self._extend(data[:first])
            yield from self._whole()
            data, end = data[first + 1 :], end - first - 1
        yield from self._found(data, end) if self._needle else self._every(data, end)
        self._extend(data[end:])

    def end(self) -> Iterator[Line]:
        """The stream is over: an unfinished line is one, too."""
        if self._length:
            yield from self._whole()

    def _extend(self, data: bytes) -> None:
        """More of a line whose end is not here yet."""
        if not data:
            return
        self._hit = self._hit or self._needle in self._tail + data
        if self._needle:
            self._tail = (self._tail + data[-len(self._needle) :])[-len(self._needle) :]
        if len(self._head) < LONGEST:
            self._head += data[: LONGEST - len(self._head)]
        self._length += len(data)

    def _whole(self) -> Iterator[Line]:
        """The line that was begun is complete."""
        line, hit = Line(self._head, self._length, self._note(self._head)), self._hit
        self._head, self._tail, self._length, self._hit = b"", b"", 0, False
        if hit:
            yield line

    def _every(self, data: bytes, end: int) -> Iterator[Line]:
        at = 0
        while at < end:
            stop = data.index(b"\n", at)
            head = data[at : min(stop, at + LONGEST)]
            yield Line(head, stop - at, self._note(head))
            at = stop + 1

    def _found(self, data: bytes, end: int) -> Iterator[Line]:
        at = 0
        while (hit := data.find(self._needle, at, end)) >= 0:
            start = data.rfind(b"\n", 0, hit) + 1
            stop = data.index(b"\n", hit)
            if hit + len(self._needle) <= stop:
                self._look_back(data, start, stop, at)
                yield Line(data[start : min(stop, start + LONGEST)], stop - start, self._at)
            at = stop + 1
        self._look_back(data, end, end, 0)

    def _note(self, line: bytes) -> datetime | None:
        """The time of ``line``, or of the last line before it that states one."""
        if self.recogniser:
            self._at = self.recogniser.time(line) or self._at
        return self._at

    def _look_back(self, data: bytes, start: int, stop: int, limit: int) -> None:
        """The time of the line ``data[start:stop]``, or of a line not far before it."""
        for _ in range(_BACKWARDS):
            if self.recogniser and (moment := self.recogniser.time(data[start:stop])):
                self._at = moment
                return
            if start <= limit:
                return
            stop = start - 1
            start = data.rfind(b"\n", 0, stop) + 1
