"""One open write transaction on the ledger's tables, in SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    func,
    insert,
    not_,
    null,
    or_,
    select,
    update,
)

from opsbook.ledger.chain import Entry, Head, genesis, micros
from opsbook.ledger.numbers import FREE, kept_free
from opsbook.ledger.port import Checkpoint, Holder
from opsbook.ledger.reading import to_event, to_run_line
from opsbook.ledger.runs import RunLine
from opsbook.ledger.tables import checkpoints, events, leases, meta, runs
from opsbook.ledger.writing import LeaseLine
from opsbook.model.clock import stamp, unstamp
from opsbook.model.event import Event


class DatabaseTransaction:
    """Implements :class:`opsbook.ledger.writing.Transaction`; ends with its connection's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def ledger(self) -> str:
        """The ledger's id."""
        query = select(meta.c.value).where(meta.c.name == "ledger")
        return str(self._connection.scalar(query))

    def head(self) -> Head:
        """The end of the chain."""
        query = select(events.c.seq, events.c.at, events.c.hash)
        row = self._connection.execute(query.order_by(events.c.seq.desc()).limit(1)).first()
        return Head(*row) if row else genesis(self.ledger)

    def insert(self, entries: Sequence[Entry]) -> None:
        """Add events."""
        self._connection.execute(insert(events), [_event_row(entry) for entry in entries])

    def run_events(self, run: str, kinds: Sequence[str], after: int = 0) -> Iterable[Event]:
        """Events of a run behind event ``after``, in order."""
        wanted = (events.c.run == run, events.c.kind.in_(kinds), events.c.seq > after)
        query = select(events).where(*wanted)
        for row in self._connection.execute(query.order_by(events.c.seq)):
            yield to_event(tuple(row))

    def events_after(self, seq: int) -> Iterable[tuple[Any, ...]]:
        """Rows of events behind ``seq``, as they are."""
        query = select(events).where(events.c.seq > seq).order_by(events.c.seq)
        for row in self._connection.execute(query):
            yield tuple(row)

    def prunable(self, before: int, kept: Sequence[str]) -> Iterable[int]:
        """Numbers of events with a payload that may go: older than ``before`` (microseconds),
        of no kept kind (``x.*`` is every kind that begins so), of no run without sealed record.
        """
        query = select(events.c.seq).where(*_prunable(before, kept)).order_by(events.c.seq)
        yield from self._connection.scalars(query)

    def prune(self, before: int, kept: Sequence[str]) -> None:
        """Remove the payloads of :meth:`prunable`."""
        chosen = update(events).where(*_prunable(before, kept))
        self._connection.execute(chosen.values(payload=null()))

    def event_hash(self, seq: int) -> bytes | None:
        """The hash that event ``seq`` carries."""
        found = self._connection.scalar(select(events.c.hash).where(events.c.seq == seq))
        return None if found is None else bytes(found)

    def run_line(self, run: str) -> RunLine | None:
        """The line of a run."""
        row = self._connection.execute(select(runs).where(runs.c.run == run)).first()
        return to_run_line(tuple(row)) if row else None

    def put_run_line(self, line: RunLine) -> None:
        """Write the line of a run."""
        self._put(runs, {"run": line.run}, run_line_row(line))

    def last_number(self, prefix: str, kinds: Sequence[str]) -> int:
        """The highest number named ``prefix`` and a number that an event of ``kinds`` opened, or
        that is kept free; 0 when there is none.
        """
        named = events.c.run
        query = select(named).where(
            events.c.kind.in_(kinds), named.startswith(prefix, autoescape=True)
        )
        longest_last = query.order_by(func.length(named).desc(), named.desc()).limit(1)
        found = self._connection.scalar(longest_last)
        value = self._connection.scalar(select(meta.c.value).where(meta.c.name == FREE))
        return max(int(found.removeprefix(prefix)) if found else 0, kept_free(value).get(prefix, 0))

    def lease_line(self, resource: str) -> LeaseLine | None:
        """The lease of a resource."""
        query = select(leases).where(leases.c.resource == resource)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        holder = None if row.run is None else Holder(row.run, row.pid, row.started, row.boot_id)
        return LeaseLine(row.resource, row.token, holder)

    def put_lease_line(self, line: LeaseLine) -> None:
        """Write the lease of a resource."""
        nobody = {"run": None, "pid": None, "started": None, "boot_id": None}
        held = asdict(line.holder) if line.holder else nobody
        self._put(leases, {"resource": line.resource}, {"token": line.token, **held})

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint."""
        query = select(checkpoints).order_by(checkpoints.c.seq.desc()).limit(1)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        return Checkpoint(
            row.seq, row.head, unstamp(row.at), row.key_id, row.signature, self.ledger
        )

    def keep_checkpoint(self, made: Checkpoint) -> Checkpoint:
        """Keep ``made``, in place of an earlier one over the same head."""
        values = {
            "head": made.head,
            "at": stamp(made.at),
            "key_id": made.key_id,
            "signature": made.signature,
        }
        self._put(checkpoints, {"seq": made.seq}, values)
        return made

    def _put(self, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Update the row of ``key`` or insert it; nobody else writes meanwhile."""
        found = update(table).values(**values)
        for name, value in key.items():
            found = found.where(table.c[name] == value)
        if not self._connection.execute(found).rowcount:
            self._connection.execute(insert(table).values(**key, **values))


def run_line_row(line: RunLine) -> dict[str, Any]:
    """The columns of a run's line, without its key."""
    holder = line.holder
    return {
        "estate": line.estate,
        "runbook": line.runbook,
        "state": line.state,
        "exit": line.exit,
        "opened": line.opened,
        "closed": line.closed,
        "first": line.first,
        "recorded": line.recorded,
        "holder_pid": holder.pid if holder else None,
        "holder_started": holder.started if holder else None,
        "holder_boot_id": holder.boot_id if holder else None,
    }


def _prunable(before: int, kept: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    kind = events.c.kind
    same = [kind == name for name in kept if not name.endswith("*")]
    begins = [
        kind.startswith(name.removesuffix("*"), autoescape=True)
        for name in kept
        if name.endswith("*")
    ]
    at_work = select(runs.c.run).where(runs.c.recorded.is_(None))
    return (
        events.c.at < before,
        events.c.payload.is_not(None),
        not_(or_(*same, *begins)),
        events.c.run.not_in(at_work),
    )


def _event_row(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "seq": event.seq,
        "at": micros(event.at),
        "kind": event.kind,
        "estate": event.estate,
        "run": event.run,
        "host": event.host,
        "payload": entry.data,
        "payload_hash": event.payload_hash,
        "prev": event.prev,
        "hash": event.hash,
    }
