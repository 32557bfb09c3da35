"""A ledger in memory that keeps every rule of the real one: chain, fences, leases, records."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from opsbook.ledger import writing
from opsbook.ledger.chain import Entry, Head, genesis, micros
from opsbook.ledger.port import Checkpoint, Holder, Lease
from opsbook.ledger.reading import with_proof
from opsbook.ledger.records import PROJECTED, project
from opsbook.ledger.runs import RunLine
from opsbook.ledger.signing import Signer
from opsbook.ledger.tail import sound_head
from opsbook.ledger.writing import LeaseLine
from opsbook.model.clock import Clock
from opsbook.model.event import Event, NewEvent

LEDGER_ID = "0123456789abcdef0123456789abcdef"


class MemoryLedger:
    """Port :class:`opsbook.ledger.port.Ledger`. ``alive`` says which holders still live.

    ``tables`` is what it holds, for tests that tamper with it.
    """

    def __init__(
        self, clock: Clock, *, alive: Callable[[Holder], bool] = lambda holder: True
    ) -> None:
        self.alive = alive
        self.tables = MemoryTables()
        self.signer = Signer.new()
        self._clock = clock
        self._turn = threading.RLock()

    def append(self, events: Sequence[NewEvent]) -> list[Event]:
        with self._transaction():
            return writing.append(self.tables, events, self._clock.now())

    def open_run(self, day: date, make: Callable[[str], Sequence[NewEvent]]) -> str:
        with self._transaction():
            return writing.open_run(self.tables, day, make, self._clock.now())

    def open_change(self, day: date, make: Callable[[str], Sequence[NewEvent]]) -> str:
        with self._transaction():
            return writing.open_change(self.tables, day, make, self._clock.now())

    def newest(self) -> Event | None:
        return self.tables.entries[-1].event if self.tables.entries else None

    def events(
        self, *, run: str = "", kinds: Sequence[str] = (), after: int = 0
    ) -> Iterator[Event]:
        for entry in list(self.tables.entries):
            event = entry.event
            wanted = (not run or event.run == run) and (not kinds or event.kind in kinds)
            if wanted and event.seq > after:
                yield event

    def take(self, resource: str, holder: Holder) -> Lease:
        with self._transaction():
            return writing.take(self.tables, resource, holder, self.alive)

    def release(self, lease: Lease) -> None:
        with self._transaction():
            writing.release(self.tables, lease)

    def check_tail(self) -> None:
        sound_head(self.tables, self.signer.public)

    def checkpoint(self) -> Checkpoint:
        with self._transaction():
            head = sound_head(self.tables, self.signer.public)
            made = self.signer.checkpoint(LEDGER_ID, head, self._clock.now())
            self.tables.checkpoints[made.seq] = made
            return made

    def record(self, run: str) -> dict[str, Any] | None:
        line = self.tables.runs.get(run)
        if line is None:
            return None
        if line.recorded is None:
            record = project(self.events(run=run, kinds=PROJECTED))
            return record | {"proof": {"seq": None, "digest": None, "checkpoint": None}}
        sealed = self.tables.entries[line.recorded - 1].event
        over = [c for seq, c in sorted(self.tables.checkpoints.items()) if seq >= sealed.seq]
        return with_proof(sealed, over[0] if over else None)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._turn:
            before = self.tables.snapshot()
            try:
                yield
            except BaseException:
                self.tables = before
                raise


class MemoryTables:
    """What :class:`opsbook.ledger.writing.Transaction` and ``tail.Rows`` ask for."""

    ledger = LEDGER_ID

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.runs: dict[str, RunLine] = {}
        self.leases: dict[str, LeaseLine] = {}
        self.checkpoints: dict[int, Checkpoint] = {}

    def snapshot(self) -> MemoryTables:
        """The same rows in containers of its own."""
        made = MemoryTables()
        for name, rows in vars(self).items():
            setattr(made, name, copy.copy(rows))
        return made

    def head(self) -> Head:
        if not self.entries:
            return genesis(LEDGER_ID)
        last = self.entries[-1].event
        return Head(last.seq, micros(last.at), last.hash)

    def insert(self, entries: Sequence[Entry]) -> None:
        self.entries.extend(entries)

    def run_events(self, run: str, kinds: Sequence[str], after: int = 0) -> list[Event]:
        events = (entry.event for entry in self.entries[max(after, 0) :])
        return [event for event in events if event.run == run and event.kind in kinds]

    def run_line(self, run: str) -> RunLine | None:
        return self.runs.get(run)

    def put_run_line(self, line: RunLine) -> None:
        self.runs[line.run] = line

    def last_number(self, prefix: str, kinds: Sequence[str]) -> int:
        named = [e.event.run for e in self.entries if e.event.kind in kinds]
        numbers = [int(run.removeprefix(prefix)) for run in named if run.startswith(prefix)]
        return max(numbers, default=0)

    def lease_line(self, resource: str) -> LeaseLine | None:
        return self.leases.get(resource)

    def put_lease_line(self, line: LeaseLine) -> None:
        self.leases[line.resource] = line

    def last_checkpoint(self) -> Checkpoint | None:
        return self.checkpoints[max(self.checkpoints)] if self.checkpoints else None

    def event_hash(self, seq: int) -> bytes | None:
        return self.entries[seq - 1].event.hash if seq <= len(self.entries) else None

    def events_after(self, seq: int) -> Iterator[tuple[Any, ...]]:
        for entry in self.entries[seq:]:
            e = entry.event
            at = micros(e.at)
            yield (e.seq, at, e.kind, e.estate, e.run, e.host, entry.data, e.payload_hash,
                   e.prev, e.hash)  # fmt: skip
