"""What a source may have lost, bounded by the times of the lines on either side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from opsbook.domains.logs.collect.decisions import Gap
from opsbook.domains.logs.collect.survey import Answer, Peek, Question, Surveyed, Trailer, shown
from opsbook.domains.logs.model import Loss, Source, Stream
from opsbook.domains.logs.times import Recogniser
from opsbook.model.message import msg


@dataclass(frozen=True, slots=True)
class Zones:
    """The time zone of each source's lines, and when they were collected (aware)."""

    by_source: Mapping[str, tzinfo]
    reference: datetime

    def lines(self, source: str, sample: bytes) -> list[datetime]:
        """The times that whole lines of ``sample`` state, in their order."""
        recogniser = Recogniser.for_sample(sample, self.by_source[source], self.reference)
        if recogniser is None:
            return []
        found = (recogniser.time(line) for line in sample.split(b"\n"))
        return [moment for moment in found if moment is not None]


def bound(
    gap: Gap,
    zones: Zones,
    trailers: Mapping[int, Trailer | None],
    known: Mapping[Question, Answer],
    now: int,
) -> Loss:
    """``gap`` with times: the last line before it, the first line after it, or the survey."""
    stream = gap.stream
    last = _after(gap, zones, trailers)
    first = _first_lines(gap.successor, stream.source, zones, trailers, known)
    before = first[0] if first else _moment(now)
    if last is not None and before < last:
        before = max(_moment(now), last)
    return Loss(
        source=stream.source,
        path=shown(stream.path),
        reason=gap.reason,
        after=last,
        before=before,
        lines_at_most=_at_most(last, before, [_samples(gap, zones, trailers), first]),
    )


def vacuumed(source: Source, stream: Stream, now: int) -> Loss:
    """Entries that journald threw entries away before they were collected."""
    reason = msg("journald removed entries before they were collected")
    return Loss(source.name, "journald", reason, stream.last_line_at, _moment(now))


def _after(gap: Gap, zones: Zones, trailers: Mapping[int, Trailer | None]) -> datetime | None:
    times = _samples(gap, zones, trailers)
    if times:
        return times[-1]
    if gap.stream.last_line_at is not None:
        return gap.stream.last_line_at
    return _moment(gap.stream.mtime) if gap.stream.mtime else None


def _samples(gap: Gap, zones: Zones, trailers: Mapping[int, Trailer | None]) -> list[datetime]:
    """Times in the end of the copy."""
    trailer = trailers.get(gap.copy.index) if gap.copy else None
    return zones.lines(gap.stream.source, trailer.last) if trailer and trailer.last else []


def _first_lines(
    successor: Surveyed | None,
    source: str,
    zones: Zones,
    trailers: Mapping[int, Trailer | None],
    known: Mapping[Question, Answer],
) -> list[datetime]:
    """Times in the beginning of the file that came afterwards."""
    if successor is None or not successor.size:
        return []
    trailer = trailers.get(successor.index)
    head = trailer.head if trailer and trailer.start == 0 else b""
    for question, answer in known.items():
        if isinstance(question, Peek) and isinstance(answer, bytes) and not head:
            is_head = question.index == successor.index and question.start == 0
            head = answer if is_head and question.kind == "plain" else b""
    return zones.lines(source, head)


def _at_most(after: datetime | None, before: datetime, samples: list[list[datetime]]) -> int | None:
    """Lines at the highest rate seen around the gap; None where no rate is known."""
    rates = [
        (len(times) - 1) / max((times[-1] - times[0]).total_seconds(), 1.0)
        for times in samples
        if len(times) > 1
    ]
    if after is None or not rates:
        return None
    return max(1, math.ceil(max(rates) * (before - after).total_seconds()) + 1)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
