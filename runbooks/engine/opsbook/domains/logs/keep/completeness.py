"""Judging whether the minutes in which a source should have written have a line.

A source with ``expect_every: 5m`` may be silent for up to five minutes; a longer silence is a
gap, and the minutes of gaps are what is missing. Minutes are counted from 1970 in UTC; a gap is
shown in the source's time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from opsbook.domains.logs.keep.minutes import minutes_in, moment_of
from opsbook.domains.logs.model import Completeness
from opsbook.model.runbook import duration

Days = Mapping[int, int]


def every_minutes(expect_every: str | None) -> int | None:
    """``expect_every`` in whole minutes, at least one; None when nothing is expected."""
    if expect_every is None:
        return None
    return max(1, round(duration(expect_every).total_seconds() / 60))


def judge(
    source: str, days: Days, since: int, until: int, every: int | None, zone: tzinfo
) -> Completeness:
    """How complete ``source`` is in the minutes ``[since, until)``; ``days`` are its bitmaps."""
    until = max(since, until)
    span = {"source": source, "since": moment_of(since), "until": moment_of(until)}
    present = sum(1 for _ in minutes_in(days, since, until))
    if every is None:
        return Completeness(**span, expected=None, have=present)  # type: ignore[arg-type]
    gaps = _gaps(days, since, until, every)
    missing = sum(last - first + 1 for first, last in gaps)
    return Completeness(
        **span,  # type: ignore[arg-type]
        expected=until - since,
        have=until - since - missing,
        gaps=tuple((_shown(first, zone), _shown(last, zone)) for first, last in gaps),
    )


def _gaps(days: Days, since: int, until: int, every: int) -> list[tuple[int, int]]:
    """Silences of ``every`` minutes and more, cut to ``[since, until)``.

    What lies before ``since`` counts as its neighbour, so that a silence across two nights is
    judged by its whole length.
    """
    before = list(minutes_in(days, since - every, since))
    last = before[-1] if before else since - every - 1
    gaps = []
    for minute in [*minutes_in(days, since, until), until]:
        if minute - last > every and minute > since:
            gaps.append((max(last + 1, since), minute - 1))
        last = minute
    return gaps


def _shown(minute: int, zone: tzinfo) -> str:
    return moment_of(minute).astimezone(zone).strftime("%Y-%m-%dT%H:%M")
