"""What a contract test of changes needs beside the work: hosts it can look at and disturb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from doubles.change import Fleet, ScriptedChange, Trouble
from doubles.clock import FakeClock
from doubles.run import NOW, inventory, job_for, runbook
from opsbook.execution.work import ChangeWork, Job
from opsbook.model.plan import HostPlan

GOOD, OTHER, GONE = "good", "other", "gone"
"""Two hosts that can be reached, and one that cannot."""


class Subject(Protocol):
    """One implementation of the port with hosts of its own; a new one for every test.

    The change it is about has at least two items on ``good`` and ``other``.
    """

    work: ChangeWork

    def job(self, plans: Mapping[str, HostPlan] | None = None) -> Job:
        """A job on all three hosts with a lease's token for each."""
        ...

    def state(self, host: str) -> object:
        """What stands on the host, read past the work; equal before and after means untouched."""
        ...

    def disturb(self, host: str) -> None:
        """Somebody else changes one of the planned items on the host."""
        ...

    def leave_midway(self, host: str, job: Job) -> None:
        """Leave the host as a process would that was killed after the first of its items."""
        ...

    def let_fail(self, host: str) -> None:
        """From now on the work fails on the host after the first of its items."""
        ...


@dataclass(slots=True)
class ScriptedSubject:
    """The double."""

    fleet: Fleet
    work: ScriptedChange

    @classmethod
    def new(cls) -> ScriptedSubject:
        fleet = Fleet(GOOD, OTHER, GONE)
        calls = frozenset({"forecast", "perform", "examine", "undo"})
        fleet[GONE].trouble = Trouble(unreachable=calls)
        return cls(fleet, ScriptedChange(fleet))

    def job(self, plans: Mapping[str, HostPlan] | None = None) -> Job:
        made = job_for("RUN-1", runbook(), inventory(*self.fleet), FakeClock(NOW))
        tokens = dict.fromkeys(self.fleet, 1)
        return replace(made, change="CHG-1", plans=plans or {}, tokens=tokens)

    def state(self, host: str) -> object:
        return dict(self.fleet[host].state)

    def disturb(self, host: str) -> None:
        self.fleet[host].state["curl"] = "strange"

    def leave_midway(self, host: str, job: Job) -> None:
        memory = self.fleet[host]
        memory.kept = dict(memory.state)
        memory.state["openssl"] = self.fleet.target["openssl"]

    def let_fail(self, host: str) -> None:
        self.fleet[host].trouble = Trouble(fails_after=1)
