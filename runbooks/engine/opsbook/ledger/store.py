"""The ledger in a database (SQLAlchemy Core; SQLite by default).

Several processes and threads may use it at once. A process that has it open holds a shared lock
on ``ledger.lock``, so that restoring and upgrading never happen under its feet.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, select

from opsbook import __version__
from opsbook.ledger import sqlite, tables, writing
from opsbook.ledger.chain import micros
from opsbook.ledger.database import DatabaseTransaction
from opsbook.ledger.port import Checkpoint, Holder, Lease
from opsbook.ledger.process import alive as process_alive
from opsbook.ledger.process import share_state, this_process
from opsbook.ledger.pruned import ALWAYS_KEPT, facts, ranges_of
from opsbook.ledger.reading import Reader
from opsbook.ledger.schema import SCHEMA, check_not_pending, check_schema
from opsbook.ledger.signing import Signer
from opsbook.ledger.tail import sound_head
from opsbook.model.clock import Clock, stamp
from opsbook.model.errors import InputFault
from opsbook.model.event import Event, NewEvent
from opsbook.model.message import msg
from opsbook.model.places import Places, of_another, private

__all__ = ["SqlLedger", "open_ledger", "this_process"]


KEPT_BY_DEFAULT = ("logs.*", "run.refused", "run.missed")
"""Kinds whose payload stays unless asked otherwise: certificates of deletion, and small facts."""


def open_ledger(
    places: Places, clock: Clock, *, alive: Callable[[Holder], bool] = process_alive
) -> SqlLedger:
    """Open the ledger of ``places``; make it on first use.

    Raises Refused when its schema is older (to be upgraded) or newer than this opsbook's, Busy
    while a restore or upgrade is going on, IntegrityFault when the file is damaged, InputFault
    when the state directory cannot be used.
    """
    lock = _shared(places.root)
    engine = None
    try:
        check_not_pending(places.root)
        with sqlite.explained(places.ledger):
            engine = sqlite.engine(places.ledger)
            _prepare(engine, clock.now(), places.ledger)
            return SqlLedger(places, clock, engine, alive, lock)
    except BaseException:
        if engine is not None:
            engine.dispose()
        os.close(lock)
        raise


def _shared(root: Path) -> int:
    """The state directory, made and locked against restore and upgrade."""
    try:
        return share_state(private(root))
    except OSError as error:
        denied = isinstance(error, PermissionError)
        raise (of_another(root) if denied else None) or InputFault(
            msg("The state directory {path} cannot be used: {reason}.",
                path=root, reason=error.strerror or error),
            untouched=msg("Nothing was touched."),
            next_step=msg("Mend it, or set OPSBOOK_STATE to a directory this user may write."),
        ) from error  # fmt: skip


class SqlLedger:
    """Implements :class:`opsbook.ledger.port.Ledger`."""

    def __init__(
        self,
        places: Places,
        clock: Clock,
        engine: Engine,
        alive: Callable[[Holder], bool],
        lock: int,
    ) -> None:
        self._places = places
        self._clock = clock
        self._engine = engine
        self._alive = alive
        self._lock = lock
        self._turn = threading.Lock()

    def append(self, events: Sequence[NewEvent]) -> list[Event]:
        """Append all or none, durably.

        Raises Refused when a fence is stale, what happens once has happened, or the disk is full.
        """
        with self._transaction() as transaction:
            return writing.append(transaction, events, self._clock.now())

    def open_run(self, day: date, make: Callable[[str], Sequence[NewEvent]]) -> str:
        """Take the next ``RUN-<day>-NNN`` and append ``make(run)`` in the same transaction."""
        with self._transaction() as transaction:
            return writing.open_run(transaction, day, make, self._clock.now())

    def open_change(self, day: date, make: Callable[[str], Sequence[NewEvent]]) -> str:
        """Take the next ``CHG-<day>-NNN`` and append ``make(change)`` in the same transaction."""
        with self._transaction() as transaction:
            return writing.open_change(transaction, day, make, self._clock.now())

    def newest(self) -> Event | None:
        """The last event, for telling a clock that went back."""
        with sqlite.explained(self._places.ledger), self.reader() as reader:
            return reader.last_event()

    def events(
        self, *, run: str = "", kinds: Sequence[str] = (), after: int = 0
    ) -> Iterator[Event]:
        """Events in order, narrowed by run, kinds and sequence number."""
        with sqlite.explained(self._places.ledger), self.reader() as reader:
            yield from reader.events(run=run, kinds=kinds, after=after)

    def take(self, resource: str, holder: Holder) -> Lease:
        """Take the lease; a dead holder's is taken over. Raises Busy when a live one has it."""
        with self._transaction() as transaction:
            return writing.take(transaction, resource, holder, self._alive)

    def release(self, lease: Lease) -> None:
        """Give the lease back; a lease that was taken over meanwhile is left alone."""
        with self._transaction() as transaction:
            writing.release(transaction, lease)

    def check_tail(self) -> None:
        """Raises IntegrityFault when what was written since the last checkpoint does not follow."""
        signer = Signer.kept_in(self._places.keys)
        with self._transaction() as transaction:
            sound_head(transaction, signer.public, msg("Nothing was touched."))

    def checkpoint(self) -> Checkpoint:
        """Sign the head and keep the checkpoint. Raises IntegrityFault on a broken tail."""
        signer = Signer.kept_in(self._places.keys)
        with self._transaction() as transaction:
            head = sound_head(transaction, signer.public)
            made = signer.checkpoint(transaction.ledger, head, self._clock.now())
            return transaction.keep_checkpoint(made)

    def record(self, run: str) -> dict[str, Any] | None:
        """The record of ``run`` with its proof, or None when there is no such run."""
        with sqlite.explained(self._places.ledger), self.reader() as reader:
            return reader.record(run)

    def prune(
        self,
        before: datetime,
        keep_kinds: Sequence[str] = KEPT_BY_DEFAULT,
        *,
        reason: str,
        dry_run: bool = False,
    ) -> int:
        """Remove payloads older than ``before``, say so in the ledger, and give their number.

        Sealed records, the proof of pruning, ``keep_kinds`` and runs that have not ended are
        kept; the chain still verifies.
        """
        kept = (*ALWAYS_KEPT, *keep_kinds)
        with self._transaction() as transaction:
            ranges = list(ranges_of(transaction.prunable(micros(before), kept)))
            count = sum(last - first + 1 for first, last in ranges)
            if count and not dry_run:
                transaction.prune(micros(before), kept)
                writing.append(transaction, list(facts(ranges, reason)), self._clock.now())
        if count and not dry_run:
            with sqlite.explained(self._places.ledger):
                sqlite.forget(self._engine)
        return count

    def reader(self) -> Reader:
        """A read-only view."""
        return Reader(self._places.ledger)

    def close(self) -> None:
        """Give files and locks back; the ledger cannot be used afterwards."""
        self._engine.dispose()
        os.close(self._lock)

    @contextmanager
    def _transaction(self) -> Iterator[DatabaseTransaction]:
        """One write at a time: threads queue here fairly, processes in the database."""
        with self._turn, sqlite.explained(self._places.ledger), self._engine.begin() as connection:
            yield DatabaseTransaction(connection)


def _prepare(engine: Engine, now: datetime, path: Path) -> None:
    with engine.begin() as connection:
        if not inspect(connection).has_table("meta"):
            _create(connection, now)
        schema = connection.scalar(
            select(tables.meta.c.value).where(tables.meta.c.name == "schema")
        )
    check_schema(int(schema) if schema and schema.isdigit() else 0, path)


def _create(connection: Connection, now: datetime) -> None:
    tables.metadata.create_all(connection)
    about = {
        "schema": str(SCHEMA),
        "ledger": uuid.uuid4().hex,
        "created": stamp(now),
        "opsbook": __version__,
    }
    rows = [{"name": name, "value": value} for name, value in about.items()]
    connection.execute(tables.meta.insert(), rows)
