"""A whole change in memory: planned, opened, carried out, killed, resumed, undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from doubles.change import Fleet, ScriptedChange, suite
from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from doubles.run import ESTATE, NOW, Witnessed, holder, inventory, job_for, no_witness, runbook
from opsbook.ledger.changes import project_change
from opsbook.ledger.port import Ledger
from opsbook.lifecycle.conduct.changing import Gate, applying
from opsbook.lifecycle.conduct.history import (
    History,
    changed_hosts,
    earlier,
    read_history,
    reopening,
)
from opsbook.lifecycle.conduct.run import Run
from opsbook.lifecycle.conduct.stage import Ports
from opsbook.lifecycle.conduct.undoing import undoing
from opsbook.lifecycle.plan import Plan, common
from opsbook.lifecycle.request import RunResult, Watcher
from opsbook.model.canonical import digest
from opsbook.model.event import Event, NewEvent
from opsbook.model.message import Message


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing after it happens."""


class MortalLedger:
    """Dies at the ``at``-th append, before or after it became durable; then nothing gets in."""

    def __init__(self, ledger: Ledger, at: int = 0, *, durable: bool = True) -> None:
        self.appends = 0
        self.dead = False
        self._ledger, self._at, self._durable = ledger, at, durable

    def __getattr__(self, name: str) -> Any:
        if self.dead:
            raise Killed
        return getattr(self._ledger, name)

    def append(self, events: Sequence[NewEvent]) -> list[Event]:
        """Append, unless the moment has come."""
        if self.dead:
            raise Killed
        self.appends += 1
        if self.appends != self._at:
            return self._ledger.append(events)
        if self._durable:
            self._ledger.append(events)
        self.kill()
        raise AssertionError

    def kill(self) -> None:
        """From now on the process of this ledger does nothing more."""
        self.dead = True
        raise Killed


def always_open(hosts: Sequence[str]) -> Message | None:
    """A gate that lets every wave begin."""
    return None


class Change:
    """One change on a fleet. Every ``process`` is a new process on the same ledger."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        on_drift: str = "skip",
        timeout: str = "1h",
        verified: bool = True,
        ledger: Any = None,
        **waves: int | None,
    ) -> None:
        self.fleet = fleet
        self.clock = FakeClock(NOW)
        memory = MemoryLedger(self.clock, alive=lambda holder: holder.pid == self.pid)
        self.ledger = ledger or memory
        self.book = runbook(**{"class": "normal", "waves": waves, "timeout": timeout})
        self.hosts = inventory(*fleet)
        self.gate: Gate = always_open
        self.pid = 0
        self.verified = verified
        self.work = ScriptedChange(fleet)
        self.job: Any = None
        self.results: list[RunResult] = []
        self.watcher: Watcher = Witnessed()
        self.number = self._plan(on_drift)
        self.run = self._open("apply", self.plan)

    def _plan(self, on_drift: str) -> str:
        job = job_for("PLAN", self.book, self.hosts, FakeClock(NOW))
        plans = {
            name: plan.to_json() for name, plan in self.work.forecast(self.hosts.hosts, job).items()
        }
        content = common(
            ESTATE, self.book, self.hosts, {}, limit=None, code_digest="sha256:c0de", versions={}
        ) | {"kind": "runbook", "host_plans": plans, "on_drift": on_drift, "emergency": None}

        def opening(number: str) -> list[NewEvent]:
            whole = content | {"change": number}
            self.plan = Plan(whole, digest(whole))
            payload = {"plan": whole, "plan_digest": self.plan.digest}
            return [NewEvent("change.planned", ESTATE.name, number, payload=payload)]

        return self.ledger.open_change(NOW.date(), opening)

    def _open(self, phase: str, plan: Plan) -> str:
        payload = {
            "plan": plan.content,
            "plan_digest": plan.digest,
            "directory": "/nonexistent",
            "requested_by": {},
            "holder": {"pid": self.pid},
            "phase": phase,
        }
        kind = "change.begun" if phase == "apply" else "change.undo_begun"

        def opening(run: str) -> list[NewEvent]:
            begun = NewEvent(kind, ESTATE.name, self.number, payload={"run": run, "phase": phase})
            return [NewEvent("run.opened", ESTATE.name, run, payload=payload), begun]

        return self.ledger.open_run(NOW.date(), opening)

    def apply(self, ledger: Any = None) -> RunResult:
        """The first process."""
        return self._process(None, ledger)

    def resume(self, ledger: Any = None) -> RunResult:
        """Another process goes on."""
        history = self.history
        payload = {"requested_by": {}, "holder": {"pid": self.pid + 1}} | {
            "reopened": reopening(history)
        }
        event = NewEvent("run.resumed", ESTATE.name, self.run, payload=payload)
        (ledger or self.ledger).append([event])
        return self._process(self.history, ledger)

    def undo(self, *, ledger: Any = None, only: Sequence[str] = ()) -> RunResult:
        """Open a run that brings back the hosts that carry changes, and carry it out."""
        hosts = changed_hosts(self.history)
        taken = [host for host in hosts if host in (only or hosts)]
        content = {**self.plan.content, "hosts": taken, "undoes_all": taken == hosts}
        self.run = self._open("undo", Plan(content, digest(content)))
        return self._process(None, ledger)

    def _process(self, history: History | None, ledger: Any) -> RunResult:
        self.pid += 1
        found = history or self.history
        self.job = replace(
            job_for(self.run, self.book, self.hosts, self.clock),
            change=self.number,
            plans=found.plan.host_plans,
        )
        undo, whole = found.phase == "undo", found.plan.content.get("undoes_all", True)
        conduct = applying(self.work, lambda wave: self.gate(wave))
        if undo:
            conduct = undoing(self.work, whole=whole)
        verifier = None if undo or not self.verified else suite(self.fleet)
        ports = Ports(ledger or self.ledger, conduct, verifier, no_witness, self.watcher)
        run = Run(self.job, found.plan, ports, holder(self.run, self.pid), earlier(history))
        result = run.carry_out()
        self.results.append(result)
        return result

    @property
    def history(self) -> History:
        """What the ledger knows of the run."""
        return read_history(self.ledger, self.run)

    @property
    def dossier(self) -> dict[str, Any]:
        """The change as its events tell it."""
        dossier = project_change(self.ledger.events(run=self.number))
        assert dossier is not None
        return dossier

    @property
    def record(self) -> dict[str, Any]:
        """The run's record."""
        record = self.ledger.record(self.run)
        assert record is not None
        return record

    def events(self, *kinds: str) -> list[Event]:
        """The run's events of these kinds."""
        return list(self.ledger.events(run=self.run, kinds=kinds))

    def outcomes(self) -> dict[str, str]:
        """What became of each host of the plan, by the ledger; empty without an end."""
        known = self.history.outcomes
        return {name: str(known.get(name, "")) for name in self.fleet}
