"""Where a run is carried out: what its conduct works with, and what a conduct has to be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from opsbook.execution.work import Job
from opsbook.ledger.port import Checkpoint, Holder, Ledger
from opsbook.lifecycle.conduct.leases import Leases
from opsbook.lifecycle.conduct.progress import Progress, Stop
from opsbook.lifecycle.conduct.sink import LedgerSink
from opsbook.lifecycle.conduct.verifying import Verification, Verifier
from opsbook.lifecycle.conduct.waves import exhausted
from opsbook.lifecycle.plan import Plan, unfinished
from opsbook.lifecycle.request import Watcher
from opsbook.model.change import ChangeState
from opsbook.model.clock import Clock
from opsbook.model.estate import Host
from opsbook.model.exits import Exit
from opsbook.model.message import Message
from opsbook.model.outcome import RunState

Witnessing = Callable[[Checkpoint], Sequence[Message]]
"""Copies a checkpoint to the estate's witnesses; says which of them failed."""


class Conduct(Protocol):
    """How the hosts of a run are carried through: routinely, as a change, or as its undo."""

    def begin(self) -> None:
        """Before the first wave: settle what needs no wave."""
        ...

    def may_begin(self, wave: Sequence[str]) -> bool:
        """Whether the wave may begin now; if not, it is on record why."""
        ...

    def take(self, hosts: Sequence[Host], watch: Stopwatch) -> None:
        """Carry a wave of hosts, whose leases are held, through to its end or a safe stop."""
        ...

    def too_late(self) -> None:
        """The time limit has ended the run: say what becomes of the hosts that are left."""
        ...

    def becomes(self, state: RunState, exit_code: Exit) -> ChangeState | None:
        """What the change becomes when its run ends so; None when it stays what it is."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What a run reaches the world through. ``verifier`` is None where no suite is declared."""

    ledger: Ledger
    conduct: Callable[[Stage], Conduct]
    verifier: Verifier | None
    witnessing: Witnessing
    watcher: Watcher


class Stage:
    """``late`` is set when the time limit has ended; ``stop`` says why the run goes no further."""

    def __init__(
        self, job: Job, plan: Plan, ports: Ports, holder: Holder, so_far: Progress
    ) -> None:
        self.job = job
        self.plan = plan
        self.so_far = so_far
        self.sink = LedgerSink(job, ports.ledger, ports.watcher, so_far)
        self.leases = Leases(job, ports.ledger, holder, self.sink)
        self.verification = Verification(job, ports.verifier, self.sink)
        self.late = threading.Event()
        self.stop: Stop | None = None
        self.problems: list[Message] = []

    @property
    def left(self) -> list[str]:
        """The hosts of the plan without an end, in its order."""
        return unfinished(self.plan.hosts, list(self.so_far.outcomes))

    @property
    def over_budget(self) -> bool:
        """Whether more hosts failed or could not be reached, over all waves, than may."""
        bad = sum(outcome.spends_budget for outcome in self.so_far.outcomes.values())
        return exhausted(bad, self.plan.waves)

    @property
    def halted(self) -> bool:
        """Whether no further work may begin."""
        return self.stop is not None or self.job.cancelled.is_set()

    def stop_here(self, problem: Message, exit_code: Exit = Exit.INTERRUPTED) -> None:
        """Begin nothing more. The first reason counts; one that a dead process told is not told
        again.
        """
        if self.stop is not None:
            return
        self.stop = Stop(problem, exit_code)
        if self.so_far.stopped is None:
            payload = self.stop.to_json() | {"wave": self.so_far.waves}
            self.sink.write(self.sink.event("run.stopped", payload))


class Stopwatch:
    """Seconds that were spent in each phase of a wave."""

    def __init__(self, clock: Clock) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time until the end to the phase ``name``."""
        begun = self._clock.monotonic()
        try:
            yield
        finally:
            spent = self.seconds.get(name, 0.0) + self._clock.monotonic() - begun
            self.seconds[name] = round(spent, 3)


@contextmanager
def limited(job: Job, ended: Callable[[], None]) -> Iterator[None]:
    """Call ``ended`` from another thread when the job's deadline comes before the end."""
    seconds = max(0.0, job.deadline - job.clock.monotonic())
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), ended)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
