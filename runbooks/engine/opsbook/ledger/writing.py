"""What writing the ledger means, once, for every place it may be kept in.

Rules, each held inside one transaction:

- a batch is appended whole or not at all, behind the head, at one reading of the clock;
- an event with a fence is refused unless its token is the resource's current one;
- an event that happens once is refused when its number already has one of its kind;
- a clock that stands before the last event is recorded (``clock.backwards``), never hidden;
- a run's line follows its events, and a run that has ended has its record sealed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from opsbook.ledger.chain import Entry, Head, extend, micros, moment
from opsbook.ledger.port import Holder, Lease
from opsbook.ledger.records import PROJECTED, project
from opsbook.ledger.runs import INDEXED, OPENING, RunLine, advance
from opsbook.model.clock import stamp
from opsbook.model.errors import Busy, Refused
from opsbook.model.event import Event, NewEvent
from opsbook.model.message import msg
from opsbook.model.outcome import RunState

PLANNED = "change.planned"
"""The first kind of every change."""

_UNSEALED = (RunState.RUNNING.value, RunState.INTERRUPTED.value)


@dataclass(frozen=True, slots=True)
class LeaseLine:
    """A resource's token so far, and who holds it, if anyone."""

    resource: str
    token: int
    holder: Holder | None


class Transaction(Protocol):
    """The ledger's tables inside one open write transaction."""

    def head(self) -> Head:
        """The end of the chain."""
        ...

    def insert(self, entries: Sequence[Entry]) -> None:
        """Add events."""
        ...

    def run_events(self, run: str, kinds: Sequence[str], after: int = 0) -> Iterable[Event]:
        """Events of a run behind event ``after``, in order."""
        ...

    def run_line(self, run: str) -> RunLine | None:
        """The line of a run."""
        ...

    def put_run_line(self, line: RunLine) -> None:
        """Write the line of a run."""
        ...

    def last_number(self, prefix: str, kinds: Sequence[str]) -> int:
        """The highest number named ``prefix`` and a number that an event of ``kinds`` opened;
        0 when there is none.
        """
        ...

    def lease_line(self, resource: str) -> LeaseLine | None:
        """The lease of a resource."""
        ...

    def put_lease_line(self, line: LeaseLine) -> None:
        """Write the lease of a resource."""
        ...


def append(tables: Transaction, news: Sequence[NewEvent], now: datetime) -> list[Event]:
    """Append ``news``; gives their events.

    Raises Refused when a fence is stale or what happens once has happened.
    """
    for new in news:
        _check_fence(tables, new)
        _check_once(tables, new)
    if not news:
        return []
    at = micros(now)
    entries = _extend(tables, at, news)
    ended = _follow([entry.event for entry in entries], tables)
    for line in ended:
        _seal(tables, line, at)
    return [entry.event for entry in entries[-len(news) :]]


def open_run(
    tables: Transaction,
    day: date,
    make: Callable[[str], Sequence[NewEvent]],
    now: datetime,
) -> str:
    """Append ``make(run)`` for the next free number of ``day`` and give that number."""
    prefix = f"RUN-{day:%Y%m%d}-"
    run = f"{prefix}{tables.last_number(prefix, OPENING) + 1:03d}"
    append(tables, make(run), now)
    if tables.run_line(run) is None:
        raise ValueError(f"the events of {run} must begin with one of {', '.join(OPENING)}")
    return run


def open_change(
    tables: Transaction,
    day: date,
    make: Callable[[str], Sequence[NewEvent]],
    now: datetime,
) -> str:
    """Append ``make(change)`` for the next free number of ``day`` and give that number."""
    prefix = f"CHG-{day:%Y%m%d}-"
    change = f"{prefix}{tables.last_number(prefix, (PLANNED,)) + 1:03d}"
    news = make(change)
    if not news or (news[0].kind, news[0].run) != (PLANNED, change):
        raise ValueError(f"the events of {change} must begin with {PLANNED}")
    append(tables, news, now)
    return change


def take(
    tables: Transaction, resource: str, holder: Holder, alive: Callable[[Holder], bool]
) -> Lease:
    """Hand the lease to ``holder`` under the next token. Raises Busy when a live one has it."""
    line = tables.lease_line(resource) or LeaseLine(resource, 0, None)
    if line.holder is not None and alive(line.holder):
        raise _busy(resource, line.holder)
    tables.put_lease_line(replace(line, token=line.token + 1, holder=holder))
    return Lease(resource, line.token + 1, recovered=line.holder)


def release(tables: Transaction, lease: Lease) -> None:
    """Give the lease back, unless it was taken over meanwhile."""
    line = tables.lease_line(lease.resource)
    if line is not None and line.token == lease.token:
        tables.put_lease_line(replace(line, holder=None))


def _check_once(tables: Transaction, new: NewEvent) -> None:
    if new.once and any(True for _ in tables.run_events(new.run, (new.kind,))):
        raise Refused(
            msg(
                "{number} was already used: there is a {kind} of it.", number=new.run, kind=new.kind
            )
        )


def _busy(resource: str, holder: Holder) -> Busy:
    name = resource.rpartition("/")[2]
    return Busy(
        msg("Another process is at work on {name} (process {pid}).", name=name, pid=holder.pid)
        if holder.run in ("", name)
        else msg("{name} is held by {run} (process {pid}).",
                 name=name, run=holder.run, pid=holder.pid),
        untouched=msg("Nothing was touched."),
        next_step=msg("Wait for it to end: opsbook records list shows what is running."),
    )  # fmt: skip


def _check_fence(tables: Transaction, new: NewEvent) -> None:
    if new.fence is None:
        return
    line = tables.lease_line(new.fence.resource)
    if line is None or line.token != new.fence.token:
        raise Refused(
            msg(
                "{run} no longer holds {resource}: another process took it over.",
                run=new.run, resource=new.fence.resource,
            ),
            untouched=msg("Nothing was written to the ledger."),
        )  # fmt: skip


def _extend(tables: Transaction, at: int, news: Sequence[NewEvent]) -> list[Entry]:
    head = tables.head()
    if at < head.at:
        fact = {"last": stamp(moment(head.at)), "now": stamp(moment(at))}
        first = news[0]
        news = [NewEvent("clock.backwards", first.estate, first.run, payload=fact), *news]
    entries = extend(head, at, news)
    tables.insert(entries)
    return entries


def _follow(events: Sequence[Event], tables: Transaction) -> list[RunLine]:
    """Bring the lines of runs up to date; gives those of ended runs whose record changes."""
    stale: dict[str, RunLine] = {}
    for event in events:
        if not event.run or event.kind not in PROJECTED:
            continue
        line = tables.run_line(event.run)
        if event.kind in INDEXED:
            line = advance(line, event)
            if line is not None:
                tables.put_run_line(line)
        stale.pop(event.run, None)
        if line is not None and line.state not in _UNSEALED:
            stale[event.run] = line
    return list(stale.values())


def _seal(tables: Transaction, line: RunLine, at: int) -> None:
    """Keep the whole record of an ended run as an event of its own, which is never pruned."""
    sealed = line.recorded or 0
    before = [event.payload for event in tables.run_events(line.run, ("run.recorded",), sealed - 1)]
    new_events = tables.run_events(line.run, PROJECTED, sealed)
    record = project(new_events, before[-1] if before else None)
    new = NewEvent("run.recorded", line.estate, line.run, payload=record)
    (entry,) = extend(tables.head(), at, [new])
    tables.insert([entry])
    advanced = advance(line, entry.event)
    assert advanced is not None
    tables.put_run_line(advanced)
