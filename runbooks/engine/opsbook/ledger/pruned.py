"""Pruning: payloads leave after their retention, and the chain keeps saying so.

An event ``payloads.pruned`` lists the exact ranges of events whose payload it removed, so that a
payload deleted by hand, even beside pruned ones, stays a fault.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice

from opsbook.ledger.reading import Reader
from opsbook.model.event import NewEvent

ALWAYS_KEPT = (
    "run.recorded",
    "payloads.pruned",
    "change.*",
    "policy.*",
    "patching.first_seen",
    "findings.imported",
    "findings.forgotten",
)
"""Kinds whose payload is never pruned: sealed records, the proof of pruning itself, what was
planned, signed and decided, since when a package version has been known, what scanners' files said
and which of them were forgotten.
"""

_RANGES_PER_EVENT = 5000

Range = tuple[int, int]


class PrunedRanges:
    """Which payloads may be missing; ``met`` counts those that were found missing."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        ordered = sorted(ranges)
        self._firsts = [first for first, _ in ordered]
        self._lasts = [last for _, last in ordered]
        self.met = 0

    @classmethod
    def read(cls, reader: Reader) -> PrunedRanges:
        """As the ledger's events tell; those that tell nonsense are found by the walk."""
        return cls(_told(reader))

    def covers(self, seq: int) -> bool:
        """Whether the payload of ``seq`` was pruned."""
        place = bisect_right(self._firsts, seq) - 1
        covered = place >= 0 and seq <= self._lasts[place]
        self.met += covered
        return covered


def ranges_of(numbers: Iterable[int]) -> Iterator[Range]:
    """Rising ``numbers`` as ranges, both ends included."""
    first = last = None
    for number in numbers:
        if last is not None and first is not None and number == last + 1:
            last = number
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = number
    if first is not None and last is not None:
        yield first, last


def facts(ranges: Iterable[Range], reason: str) -> Iterator[NewEvent]:
    """The events that say what was pruned and why."""
    waiting = iter(ranges)
    while part := list(islice(waiting, _RANGES_PER_EVENT)):
        payload = {
            "first": part[0][0],
            "last": part[-1][1],
            "count": sum(last - first + 1 for first, last in part),
            "reason": reason,
            "ranges": [list(each) for each in part],
        }
        yield NewEvent("payloads.pruned", payload=payload)


def _told(reader: Reader) -> Iterator[Range]:
    query = "SELECT seq FROM events WHERE kind = 'payloads.pruned' AND payload IS NOT NULL"
    numbers = [seq for (seq,) in reader.connection.execute(query)]
    for number in numbers:
        try:
            event = next(reader.events(kinds=("payloads.pruned",), after=number - 1))
            for first, last in (event.payload or {})["ranges"]:
                yield int(first), int(last)
        except (StopIteration, ValueError, TypeError, KeyError, AttributeError):
            continue
