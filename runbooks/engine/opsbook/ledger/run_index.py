"""The table of runs against the events it was folded from; and folding it anew."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from opsbook.ledger.reading import EVENT_COLUMNS, RUN_COLUMNS, Reader, to_event, to_run_line
from opsbook.ledger.runs import INDEXED, RunLine, advance
from opsbook.ledger.verdict import Found, What
from opsbook.model.event import Event
from opsbook.model.message import msg


def folded(reader: Reader) -> Iterator[RunLine]:
    """The lines of all runs, in the order of their numbers, as the events say."""
    for _, events in groupby(_events(reader), key=lambda event: event.run):
        line: RunLine | None = None
        for event in events:
            line = advance(line, event)
        if line is not None:
            yield line


def compare(reader: Reader) -> None:
    """Raises Found when the table of runs says something else than the events."""
    query = f"SELECT {RUN_COLUMNS} FROM runs ORDER BY run"  # noqa: S608
    kept = (to_run_line(row) for row in reader.connection.execute(query))
    expected = folded(reader)
    while True:
        line, right = next(kept, None), next(expected, None)
        if line != right:
            raise _disagreement(line, right)
        if line is None:
            return


def _disagreement(line: RunLine | None, right: RunLine | None) -> Found:
    about = min((each for each in (line, right) if each), key=lambda each: each.run)
    problem = msg(
        "The table of runs disagrees with the events of {run}; the events are sound.",
        run=about.run,
    )  # fmt: skip
    told = right if right and right.run == about.run else about
    return Found(told.first, What.RUNS_DISAGREE, problem)


def _events(reader: Reader) -> Iterator[Event]:
    places = ", ".join("?" * len(INDEXED))
    query = (
        f"SELECT {EVENT_COLUMNS} FROM events"  # noqa: S608
        f" WHERE kind IN ({places}) AND run <> '' ORDER BY run, seq"
    )
    for row in reader.connection.execute(query, INDEXED):
        yield to_event(row)
