"""The ports between the lifecycle and whatever does the work on hosts.

The lifecycle decides which hosts are taken when, holds their leases and writes the ledger; a
:class:`Work` reaches the hosts and tells a :class:`Sink` what happens, from any thread. Work that
changes hosts is a :class:`ChangeWork`: it also foresees, examines and undoes.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from opsbook.model.clock import Clock
from opsbook.model.errors import OpsbookError
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.message import Message
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan
from opsbook.model.runbook import Runbook


@dataclass(frozen=True, slots=True)
class HostReport:
    """What became of one host. ``evidence`` is JSON and goes into the record as it is."""

    host: str
    outcome: Outcome
    summary: Message
    evidence: Mapping[str, Any] = field(default_factory=dict)
    deviations: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a work needs to know about the run it serves.

    ``started`` is the run's one reading of the clock; ``cancelled`` is set when the operator
    or a limit stops the run, and work must then stop at the next safe point. A run that changes
    hosts has a ``change`` and the ``plans`` of its hosts as they were approved; where that is an
    envelope (``enveloped``) other runs have the same. ``tokens`` are the fencing tokens of the
    leases it holds now, by host. ``deadline`` is a moment of ``clock.monotonic()``, in seconds: at
    it everything that still runs is stopped. ``closes`` is when the window of the change closes
    in which it is or will be carried out; None where it may be carried out at any time.
    """

    run: str
    estate: Estate
    inventory: Inventory
    runbook: Runbook
    parameters: Mapping[str, Any]
    places: Places
    clock: Clock
    started: datetime
    cancelled: threading.Event
    change: str = ""
    plans: Mapping[str, HostPlan] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    deadline: float = math.inf
    enveloped: bool = False
    closes: datetime | None = None

    @property
    def known_as(self) -> str:
        """The number by which hosts know whose work on them this is: the change, to which its
        undo belongs as well; the run where it has none, or shares an envelope with others.
        """
        return self.run if self.enveloped or not self.change else self.change

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline: not less than none, not more than a day."""
        return min(max(0.0, self.deadline - self.clock.monotonic()), 86_400.0)


class Sink(Protocol):
    """Hears what happens, from any thread; every call is safe to repeat for another host."""

    def started(self, host: str, phase: str) -> None:
        """A phase begins on ``host``."""
        ...

    def progress(self, host: str, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes are here; for the terminal only, never recorded."""
        ...

    def task(self, host: str, name: str, status: str, detail: Mapping[str, Any]) -> None:
        """A step ended on ``host``: recorded as an event; ``detail`` is JSON without secrets."""
        ...

    def prepared(self, host: str, material: Mapping[str, Any]) -> None:
        """What undo needs is kept and complete; nothing has been written on the host before.

        ``material`` (JSON) says what is kept where. Returns when that fact is durable.
        """
        ...

    def finished(self, report: HostReport) -> None:
        """The host is done. Returns when that fact is durable in the ledger."""
        ...


class Work(Protocol):
    """Port: does a runbook's work on hosts."""

    def examine(self, host: Host, job: Job) -> HostReport | None:
        """After a crash: the finished work of this run on ``host``, or None to do it (again).

        Reads only what is on the control host; called for hosts that had started.
        """
        ...

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """Do the work on ``hosts``; every host ends in ``sink.finished`` unless cancelled.

        Never raises for one host's trouble. An exception means our own bug.
        """
        ...


class Standing(StrEnum):
    """How far a host is on the way that its plan describes."""

    UNTOUCHED = "untouched"
    MIDWAY = "midway"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Examined:
    """What a look at one host found. ``repairable``: doing the work again completes it safely.

    ``evidence`` is what the look itself proves of a host that is done, for its record.
    """

    standing: Standing
    found: Message
    repairable: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)


class ChangeWork(Protocol):
    """Port: foresees, does, examines and undoes changes on hosts.

    Nothing here raises for one host's trouble; an exception means our own bug.
    """

    def forecast(self, hosts: Sequence[Host], job: Job) -> Mapping[str, HostPlan | OpsbookError]:
        """What the runbook would do to each of ``hosts`` now. Reads only.

        Called when a plan is made (``job.plans`` is empty) and before hosts are touched
        (``job.plans`` holds what was approved). A host that cannot be looked at has its error.
        """
        ...

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """Take what undo needs (``sink.prepared``), then do exactly ``job.plans``.

        Every host ends in ``sink.finished`` unless cancelled.
        """
        ...

    def examine(self, hosts: Sequence[Host], job: Job) -> Mapping[str, Examined | OpsbookError]:
        """How far each host is, seen on the host itself, after a process died in the middle."""
        ...

    def undo(self, hosts: Sequence[Host], job: Job, sink: Sink) -> Mapping[str, HostReport]:
        """Bring ``hosts`` back to what they were before this change.

        Outcome CHANGED: brought back and verified; OK: there was nothing to bring back; else
        what went wrong. ``sink`` hears tasks and phases (``undo``), never ``finished``.
        """
        ...


class Planner(Protocol):
    """Port: makes plans of hosts from what a runbook's survey read there; the surveys are hostile.

    ``surveys`` and ``answers`` are evidence by host. Nothing here raises for one host's trouble.
    """

    def equipment(self, job: Job) -> Mapping[str, Any]:
        """What survey and playbooks are given beside the plan, as ``opsbook_equipment``: JSON that
        follows from the code and ``job.plans`` alone, such as a script made of many parts.
        """
        ...

    def check(self, hosts: Sequence[Host], job: Job) -> None:
        """Before any of ``hosts`` is asked anything for a plan: raises InputFault when what is
        wanted is not right (parameters, variables of hosts).
        """
        ...

    def unable(self, hosts: Sequence[Host], job: Job) -> Mapping[str, Mapping[str, Any]]:
        """What a plan tells (``given``) of ``hosts`` that Ansible cannot change, by host; a host
        that is left out has nothing to be told. They are never asked anything.
        """
        ...

    def asks(
        self, surveys: Mapping[str, Mapping[str, Any]], job: Job
    ) -> Mapping[str, Mapping[str, Any]]:
        """What must still be asked: host -> value of ``opsbook_asked`` for the survey there.

        Empty when nothing must, and whenever ``job.plans`` is not empty. Called again after
        :meth:`learn`, as an answer may raise another question; nothing is asked of a host twice.
        """
        ...

    def learn(self, answers: Mapping[str, Mapping[str, Any]], job: Job) -> None:
        """What the asked hosts answered; a host whose asking failed is not among them."""
        ...

    def settle(
        self, surveys: Mapping[str, Mapping[str, Any]], job: Job
    ) -> Mapping[str, HostPlan | OpsbookError]:
        """The plan of each host that was surveyed."""
        ...

    def standing(self, host: str, survey: Mapping[str, Any], job: Job) -> Examined:
        """How far ``host`` is on the way of ``job.plans[host]``."""
        ...

    def conclude(
        self, host: str, evidence: Mapping[str, Any], job: Job
    ) -> tuple[Mapping[str, Any], tuple[Message, ...]]:
        """The evidence of a host that was worked on, for the record, and deviations."""
        ...
