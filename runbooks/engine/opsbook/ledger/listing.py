"""Runs and records as they stand now, for faces; imports nothing slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from opsbook.ledger import sqlite
from opsbook.ledger.changes import KINDS, as_of, project_change
from opsbook.ledger.port import Holder
from opsbook.ledger.process import alive as process_alive
from opsbook.ledger.reading import Reader
from opsbook.ledger.runs import RunLine
from opsbook.ledger.schema import check_not_pending, check_schema
from opsbook.model.errors import UsageFault
from opsbook.model.event import Event
from opsbook.model.message import msg
from opsbook.model.outcome import RunState

_AT_WORK = (RunState.RUNNING.value, RunState.INTERRUPTED.value)


def open_reader(path: Path, *, copied: bool = False) -> Reader:
    """A reader of the ledger ``path``.

    Raises UsageFault when there is none, Refused when its schema is not ours or a restore is
    unfinished, IntegrityFault when the file is no ledger.
    """
    check_not_pending(path.parent)
    if not there_is(path, copied=copied):
        raise UsageFault(
            msg("There is no ledger {path} yet.", path=path),
            next_step=msg("The first opsbook run makes it; OPSBOOK_STATE says where."),
        )
    with sqlite.explained(path):
        reader = Reader(path, copied=copied)
        check_schema(reader.schema, path)
    return reader


def there_is(path: Path, *, copied: bool = False) -> bool:
    """Whether the ledger ``path`` was ever made: a file without any table is left of one for which
    the disk had no room. Raises IntegrityFault when the file is no database.
    """
    if not path.is_file():
        return False
    with sqlite.explained(path), closing(sqlite.readonly(path, copied=copied)) as db:
        return db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


class Written:
    """Implements :class:`opsbook.ledger.port.Story` over a ledger's file, which is opened for each
    question and given back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def events(
        self, *, run: str = "", kinds: Sequence[str] = (), after: int = 0
    ) -> Iterator[Event]:
        """Events in order, narrowed by run, kinds and sequence number; none before the first."""
        if not there_is(self._path):
            return
        with sqlite.explained(self._path), open_reader(self._path) as reader:
            yield from reader.events(run=run, kinds=kinds, after=after)


def find_runs(
    reader: Reader,
    *,
    estate: str = "",
    runbook: str = "",
    state: str = "",
    since: int = 0,
    alive: Callable[[Holder], bool] = process_alive,
) -> Iterator[RunLine]:
    """Lines of runs as they stand now, the newest first. Raises UsageFault for an unknown state."""
    known = [each.value for each in RunState]
    if state and state not in known:
        raise UsageFault(
            msg("There is no state {state}; states are: {known}.",
                state=state, known=", ".join(known))
        )  # fmt: skip
    states = _AT_WORK if state in _AT_WORK else (state,) if state else ()
    with sqlite.explained(reader.path):
        for line in reader.runs(estate=estate, runbook=runbook, states=states, since=since):
            now = as_of_now(line, alive)
            if not state or now.state == state:
                yield now


def record_now(
    reader: Reader, run: str, alive: Callable[[Holder], bool] = process_alive
) -> dict[str, Any] | None:
    """The record of ``run`` with its proof; a run whose process died is shown as interrupted."""
    with sqlite.explained(reader.path):
        record, line = reader.record(run), reader.run(run)
    if record is None or line is None:
        return None
    return record | {"state": as_of_now(line, alive).state} if line.recorded is None else record


def as_of_now(line: RunLine, alive: Callable[[Holder], bool]) -> RunLine:
    """A running run without a living process is interrupted, whatever it could still write."""
    if line.state == RunState.RUNNING.value and not (line.holder and alive(line.holder)):
        return replace(line, state=RunState.INTERRUPTED.value)
    return line


def change_now(
    reader: Reader, change: str, now: datetime
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """Dossier of ``change`` and records of its runs as they stand ``now``; None if unknown."""
    with sqlite.explained(reader.path):
        dossier = project_change(reader.events(run=change, kinds=KINDS))
    if dossier is None:
        return None
    runs = (record_now(reader, str(run["run"])) for run in dossier["runs"])
    return as_of(dossier, now), [record for record in runs if record is not None]
