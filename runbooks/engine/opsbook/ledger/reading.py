"""Reading the ledger without importing SQLAlchemy: events, lines of runs, records, checkpoints."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from opsbook.ledger import sqlite
from opsbook.ledger.chain import moment
from opsbook.ledger.port import Checkpoint, Holder
from opsbook.ledger.records import PROJECTED, project
from opsbook.ledger.runs import RunLine
from opsbook.model.canonical import parse
from opsbook.model.clock import unstamp
from opsbook.model.errors import IntegrityFault
from opsbook.model.event import Event
from opsbook.model.message import msg

EVENT_COLUMNS = "seq, at, kind, estate, run, host, payload, payload_hash, prev, hash"
RUN_COLUMNS = (
    "run, estate, runbook, state, exit, opened, closed, first, recorded,"
    " holder_pid, holder_started, holder_boot_id"
)
_PAGE = 500


class Reader:
    """A read-only view of a ledger's database. Every call sees what is committed by then."""

    def __init__(self, path: Path, *, copied: bool = False) -> None:
        self.path = path
        self._db = sqlite.readonly(path, copied=copied)

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, for reading rows as they are."""
        return self._db

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def meta(self, name: str) -> str | None:
        """A value of the table ``meta``."""
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else None

    @property
    def schema(self) -> int:
        """The version of the tables. Raises IntegrityFault when there is no telling."""
        value = self.meta("schema") or ""
        if not value.isascii() or not value.isdigit():
            raise IntegrityFault(
                msg("{path} is not a ledger: it does not say which schema it has.", path=self.path)
            )
        return int(value)

    def events(
        self, *, run: str = "", kinds: Sequence[str] = (), after: int = 0
    ) -> Iterator[Event]:
        """Events in order, read page by page so that no long read holds up writers."""
        query, values = _narrowed(run, kinds)
        while True:
            page = self._db.execute(query, (*values, after, _PAGE)).fetchall()
            yield from map(to_event, page)
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def last_event(self) -> Event | None:
        """The newest event."""
        query = f"SELECT {EVENT_COLUMNS} FROM events ORDER BY seq DESC LIMIT 1"  # noqa: S608
        row = self._db.execute(query).fetchone()
        return to_event(row) if row else None

    def runs(
        self, *, estate: str = "", runbook: str = "", states: Sequence[str] = (), since: int = 0
    ) -> Iterator[RunLine]:
        """Lines of runs, the newest first; ``since`` is in microseconds."""
        conditions, values = ["opened >= ?"], [since]
        for column, value in (("estate", estate), ("runbook", runbook)):
            if value:
                conditions.append(f"{column} = ?")
                values.append(value)  # type: ignore[arg-type]
        if states:
            conditions.append(f"state IN ({_places(states)})")
            values.extend(states)  # type: ignore[arg-type]
        where = " AND ".join(conditions)
        query = f"SELECT {RUN_COLUMNS} FROM runs WHERE {where} ORDER BY opened DESC, first DESC"  # noqa: S608
        for row in self._db.execute(query, values):
            yield to_run_line(row)

    def run(self, run: str) -> RunLine | None:
        """The line of one run."""
        query = f"SELECT {RUN_COLUMNS} FROM runs WHERE run = ?"  # noqa: S608
        row = self._db.execute(query, (run,)).fetchone()
        return to_run_line(row) if row else None

    def count_runs(self) -> int:
        """How many runs there are."""
        (count,) = self._db.execute("SELECT count(*) FROM runs").fetchone()
        return int(count)

    def record(self, run: str) -> dict[str, Any] | None:
        """The record with its proof: the sealed one, or of an unfinished run as far as it came."""
        line = self.run(run)
        if line is None:
            return None
        if line.recorded is None:
            record = project(self.events(run=run, kinds=PROJECTED))
            return record | {"proof": {"seq": None, "digest": None, "checkpoint": None}}
        (sealed,) = self._db.execute(
            f"SELECT {EVENT_COLUMNS} FROM events WHERE seq = ?",  # noqa: S608
            (line.recorded,),
        ).fetchall()
        event = to_event(sealed)
        return with_proof(event, self._checkpoint_over(event.seq))

    def checkpoints(self) -> Iterator[Checkpoint]:
        """All checkpoints in order."""
        yield from self._checkpoints("seq >= 0 ORDER BY seq")

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint."""
        return next(self._checkpoints("seq >= 0 ORDER BY seq DESC LIMIT 1"), None)

    def _checkpoint_over(self, seq: int) -> Checkpoint | None:
        return next(self._checkpoints("seq >= ? ORDER BY seq LIMIT 1", seq), None)

    def _checkpoints(self, condition: str, *values: int) -> Iterator[Checkpoint]:
        ledger = self.meta("ledger") or ""
        query = f"SELECT seq, head, at, key_id, signature FROM checkpoints WHERE {condition}"  # noqa: S608
        for seq, head, at, key_id, signature in self._db.execute(query, values):
            yield Checkpoint(seq, head, unstamp(at), key_id, signature, ledger)


def with_proof(sealed: Event, checkpoint: Checkpoint | None) -> dict[str, Any]:
    """The record kept in the event ``sealed``, and what proves it."""
    return dict(sealed.payload or {}) | {
        "proof": {
            "seq": sealed.seq,
            "digest": "sha256:" + sealed.payload_hash.hex(),
            "checkpoint": _as_json(checkpoint) if checkpoint else None,
        }
    }


def to_event(row: Sequence[Any]) -> Event:
    """An event from a row of the table ``events``."""
    seq, at, kind, estate, run, host, payload, payload_hash, prev, hash_ = row
    return Event(
        seq=seq,
        at=moment(at),
        kind=kind,
        estate=estate,
        run=run,
        host=host,
        payload=None if payload is None else parse(payload),
        payload_hash=payload_hash,
        prev=prev,
        hash=hash_,
    )


def to_run_line(row: Sequence[Any]) -> RunLine:
    """A run's line from a row of the table ``runs``."""
    run, estate, runbook, state, code, opened, closed, first, recorded, pid, started, boot = row
    holder = None if pid is None else Holder(run, pid, started, boot)
    return RunLine(run, estate, runbook, state, code, opened, closed, first, recorded, holder)


def _as_json(checkpoint: Checkpoint) -> dict[str, Any]:
    from opsbook.ledger.signing import to_line

    made: dict[str, Any] = parse(to_line(checkpoint))
    return made


def _narrowed(run: str, kinds: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    conditions, values = [], []
    if run:
        conditions.append("run = ?")
        values.append(run)
    if kinds:
        conditions.append(f"kind IN ({_places(kinds)})")
        values.extend(kinds)
    conditions.append("seq > ?")
    where = " AND ".join(conditions)
    query = f"SELECT {EVENT_COLUMNS} FROM events WHERE {where} ORDER BY seq LIMIT ?"  # noqa: S608
    return query, tuple(values)


def _places(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
