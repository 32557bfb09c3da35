"""The port of the ledger: what the other rooms may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from opsbook.model.event import Event, Fence, NewEvent


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: enough to tell, on this machine, whether it is still alive.

    ``started`` is the process's start time in clock ticks since boot (proc(5), field 22), so
    that a reused process id is not taken for the holder; ``boot_id`` names the boot of the
    machine and the PID namespace, because a process id means nothing outside of them.
    """

    run: str
    pid: int
    started: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on ``resource`` (:mod:`opsbook.ledger.resources`) with a fencing ``token``.

    ``recovered`` is the dead holder it was taken from, if any.
    """

    resource: str
    token: int
    recovered: Holder | None = None

    @property
    def fence(self) -> Fence:
        """What an event about this resource must carry."""
        return Fence(self.resource, self.token)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement of the chain's head: ``seq``, its hash, time, key id, signature.

    ``ledger`` is the id of the ledger it speaks of.
    """

    seq: int
    head: bytes
    at: datetime
    key_id: str
    signature: bytes
    ledger: str


class Story(Protocol):
    """What was written down, for those who only read."""

    def events(
        self, *, run: str = "", kinds: Sequence[str] = (), after: int = 0
    ) -> Iterator[Event]:
        """Events in order, narrowed by run, kinds and sequence number."""
        ...


class Ledger(Story, Protocol):
    """Port: append-only, hash-chained, written by several processes at once."""

    def append(self, events: Sequence[NewEvent]) -> list[Event]:
        """Append all or none, durably.

        Raises Refused when a fence is stale or what happens once has happened.
        """
        ...

    def open_run(self, day: date, make: Callable[[str], Sequence[NewEvent]]) -> str:
        """Take the next ``RUN-<day>-NNN`` and append ``make(run)`` in the same transaction."""
        ...

    def open_change(self, day: date, make: Callable[[str], Sequence[NewEvent]]) -> str:
        """Take the next ``CHG-<day>-NNN`` and append ``make(change)`` in the same transaction."""
        ...

    def newest(self) -> Event | None:
        """The last event, for telling a clock that went back."""
        ...

    def take(self, resource: str, holder: Holder) -> Lease:
        """Take the lease; a dead holder's is taken over. Raises Busy when a live one has it."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back; a lease that was taken over meanwhile is left alone."""
        ...

    def check_tail(self) -> None:
        """Look whether what was written since the last checkpoint follows from it.

        Raises IntegrityFault naming the first event that does not, or that is missing.
        """
        ...

    def checkpoint(self) -> Checkpoint:
        """Sign the head and keep the checkpoint. Raises IntegrityFault on a broken tail."""
        ...
