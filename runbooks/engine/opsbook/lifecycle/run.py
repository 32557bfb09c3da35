"""One run from its plan to its end: waves, leases, work, verification, closing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from opsbook.execution.verify.verification import Tested, Verified
from opsbook.execution.work import HostReport, Job, Work
from opsbook.ledger import resources
from opsbook.ledger.port import Checkpoint, Holder, Ledger
from opsbook.lifecycle.plan import Plan, unfinished
from opsbook.lifecycle.request import RunResult, Watcher
from opsbook.lifecycle.sink import LedgerSink
from opsbook.lifecycle.waves import exhausted, split
from opsbook.model.errors import Busy
from opsbook.model.estate import Host
from opsbook.model.exits import Exit, most_serious
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome, RunState
from opsbook.model.runbook import duration

Verifier = Callable[[Sequence[Host], Job], Mapping[str, Verified]]
"""Runs the runbook's verification suite on hosts."""

Witnessing = Callable[[Checkpoint], Sequence[Message]]
"""Copies a checkpoint to the estate's witnesses; says which of them failed."""

_BAD = (Outcome.FAILED, Outcome.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Ports:
    """What a run reaches the world through. ``verifier`` is None where no suite is declared."""

    ledger: Ledger
    work: Work
    verifier: Verifier | None
    witnessing: Witnessing
    watcher: Watcher


@dataclass(slots=True)
class Earlier:
    """What an earlier process of the same run already made durable."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    verified: set[str] = field(default_factory=set)
    waves: int = 0


class Run:
    """Carries one opened run to its end. Not reusable."""

    def __init__(self, job: Job, plan: Plan, ports: Ports, holder: Holder, before: Earlier) -> None:
        self._job = job
        self._plan = plan
        self._ports = ports
        self._holder = holder
        self._before = before
        self._sink = LedgerSink(job, ports.ledger, ports.watcher, before.outcomes)
        self._problems: list[Message] = []
        self._verified = set(before.verified)
        self._late = threading.Event()
        self._begun = job.clock.monotonic()

    def carry_out(self, *, examine: bool = False) -> RunResult:
        """Do what is left of the plan. ``examine``: a former process died in the middle."""
        limit = duration(self._job.runbook.timeout).total_seconds()
        timer = threading.Timer(limit, self._too_late)
        timer.daemon = True
        timer.start()
        try:
            self._verify_finished()
            self._take_waves(examine)
        finally:
            timer.cancel()
            for lease in self._sink.let_go():
                self._ports.ledger.release(lease)
        result = self._end()
        problems = self._ports.witnessing(self._ports.ledger.checkpoint())
        for problem in problems:
            self._sink.write(self._sink.event("run.deviation", {"message": problem.to_json()}))
        result = replace(result, problems=(*result.problems, *problems))
        self._ports.watcher.closed(result)
        return result

    def _take_waves(self, examine: bool) -> None:
        left = unfinished(self._plan.hosts, list(self._sink.outcomes))
        for number, wave in enumerate(split(left, self._job.runbook.waves), self._before.waves + 1):
            if self._job.cancelled.is_set():
                return
            if self._over_budget():
                self._stop_by_budget(wave)
                continue
            self._one_wave(number, wave, examine)

    def _one_wave(self, number: int, wave: Sequence[str], examine: bool) -> None:
        self._sink.write(self._sink.event("wave.started", {"number": number, "hosts": list(wave)}))
        hosts = [host for name in wave if (host := self._leased(name))]
        if examine:
            hosts = [host for host in hosts if not self._was_done(host)]
        if hosts:
            self._ports.work.perform(hosts, self._job, self._sink)
        if not self._job.cancelled.is_set():
            self._answer_for([host.name for host in hosts])
        self._verify(wave)
        for lease in self._sink.let_go():
            self._ports.ledger.release(lease)
            self._note_lease("lease.released", lease.resource, lease.token)

    def _leased(self, name: str) -> Host | None:
        """The host when its lease is ours; otherwise its end is recorded and None is given."""
        try:
            host = self._job.inventory[name]
        except KeyError:
            gone = msg("{host} is no longer in the inventory; it was left untouched.", host=name)
            self._sink.finished(HostReport(name, Outcome.NOT_STARTED, gone))
            return None
        if host.vars.get("opsbook_managed") is False:
            self._sink.finished(self._unmanaged(host))
            return None
        resource = resources.of_host(self._job.estate.name, name)
        try:
            lease = self._ports.ledger.take(resource, self._holder)
        except Busy as busy:
            self._sink.finished(HostReport(name, Outcome.BUSY, busy.problem))
            return None
        self._sink.hold(name, lease)
        if lease.recovered is not None:
            stale = {"run": lease.recovered.run, "pid": lease.recovered.pid}
            self._note_lease("lease.recovered", resource, lease.token, stale)
        else:
            self._note_lease("lease.taken", resource, lease.token)
        return host

    def _unmanaged(self, host: Host) -> HostReport:
        reason = host.vars.get("opsbook_managed_reason", "opsbook_managed: false")
        why = msg("{host} is not managed by opsbook: {reason}", host=host.name, reason=reason)
        return HostReport(host.name, Outcome.SKIPPED, why)

    def _note_lease(
        self, kind: str, resource: str, token: int, stale: Mapping[str, object] | None = None
    ) -> None:
        payload = {"resource": resource, "token": token} | ({"stale": stale} if stale else {})
        self._sink.defer(self._sink.event(kind, payload))

    def _was_done(self, host: Host) -> bool:
        report = self._ports.work.examine(host, self._job)
        if report is not None:
            self._sink.finished(report)
        return report is not None

    def _answer_for(self, hosts: Sequence[str]) -> None:
        """A work that forgot a host is our bug, but the host still gets its end."""
        for name in hosts:
            if name not in self._sink.outcomes:
                problem = msg("The work on {host} ended without saying how.", host=name)
                self._sink.finished(HostReport(name, Outcome.FAILED, problem))

    def _over_budget(self) -> bool:
        bad = sum(outcome in _BAD for outcome in self._sink.outcomes.values())
        return exhausted(bad, self._job.runbook.waves)

    def _stop_by_budget(self, wave: Sequence[str]) -> None:
        for name in wave:
            why = msg("Too many hosts failed before {host}; it was left untouched.", host=name)
            self._sink.finished(HostReport(name, Outcome.NOT_STARTED, why))

    def _verify_finished(self) -> None:
        """Hosts that had finished when the process died but were not yet verified."""
        self._verify(list(self._sink.outcomes))

    def _verify(self, names: Sequence[str]) -> None:
        todo = [host for host in self._job.inventory.hosts if host.name in self._unverified(names)]
        if not todo or self._ports.verifier is None or self._job.cancelled.is_set():
            return
        for name, verified in self._ports.verifier(todo, self._job).items():
            self._note_verified(name, verified)

    def _unverified(self, names: Sequence[str]) -> set[str]:
        """Hosts whose work is done and of which the suite has not yet said anything."""
        if self._ports.verifier is None:
            return set()
        good = (Outcome.OK, Outcome.CHANGED)
        done = {name for name in names if self._sink.outcomes.get(name) in good}
        return done - self._verified

    def _note_verified(self, name: str, verified: Verified) -> None:
        self._sink.write(self._sink.event("host.verified", verified.to_json(), name))
        self._verified.add(name)
        if verified.failed:
            self._sink.outcomes[name] = Outcome.FAILED
            self._problems.append(msg("{host} did not pass its verification.", host=name))

    def _too_late(self) -> None:
        self._late.set()
        self._job.cancelled.set()

    def _end(self) -> RunResult:
        left = unfinished(self._plan.hosts, list(self._sink.outcomes))
        unverified = sorted(self._unverified(self._plan.hosts))
        if (left or unverified) and not self._late.is_set():
            return self._interrupt([*left, *unverified])
        for name in left:
            self._sink.finished(self._timed_out(name))
        for name in unverified:
            cut = Tested("time limit", "error", "the run's time limit ended before the suite did")
            self._note_verified(name, Verified(0, 1, (cut,)))
        return self._close()

    def _timed_out(self, name: str) -> HostReport:
        limit = self._job.runbook.timeout
        if name in self._sink.begun:
            why = msg("{host} was still at work when the time limit {limit} ended.",
                      host=name, limit=limit)  # fmt: skip
            return HostReport(name, Outcome.FAILED, why)
        why = msg("The time limit {limit} ended before {host} was begun.", limit=limit, host=name)
        return HostReport(name, Outcome.NOT_STARTED, why)

    def _interrupt(self, left: Sequence[str]) -> RunResult:
        self._sink.write(self._sink.event("run.interrupted", {"left": list(left)}))
        self._problems.append(
            msg("{run} was stopped; hosts left: {number}; go on with: opsbook resume {run}",
                run=self._job.run, number=len(left))
        )  # fmt: skip
        return self._result(RunState.INTERRUPTED, Exit.INTERRUPTED)

    def _close(self) -> RunResult:
        exit_code = most_serious(outcome.exit for outcome in self._sink.outcomes.values())
        result = self._result(RunState.CLOSED, exit_code)
        payload = {
            "state": str(result.state),
            "exit": int(exit_code),
            "counts": {str(outcome): number for outcome, number in result.counts.items()},
            "seconds": round(self._job.clock.monotonic() - self._begun, 3),
            "versions": self._plan.content["versions"],
        }
        self._sink.write(self._sink.event("run.closed", payload))
        return result

    def _result(self, state: RunState, exit_code: Exit) -> RunResult:
        counts = Counter(self._sink.outcomes.values())
        return RunResult(self._job.run, state, exit_code, counts, tuple(self._problems))
