"""One run from its plan to its end: its waves, its time limit, its closing.

What is done with the hosts of a wave is the business of its conduct: :mod:`.routine`,
:mod:`.changing` or :mod:`.undoing`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from opsbook.execution.work import Job
from opsbook.ledger.port import Holder
from opsbook.lifecycle.conduct.progress import Progress
from opsbook.lifecycle.conduct.stage import Ports, Stage, Stopwatch, limited
from opsbook.lifecycle.conduct.waves import split
from opsbook.lifecycle.plan import Plan
from opsbook.lifecycle.request import RunResult
from opsbook.model.event import NewEvent
from opsbook.model.exits import Exit, most_serious
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome, RunState

_DONE = (Outcome.OK, Outcome.CHANGED)


@dataclass(frozen=True, slots=True)
class _Wave:
    """``again``: a process that died or was stopped had begun it."""

    number: int
    hosts: Sequence[str]
    again: bool = False


class Run:
    """Carries one opened run to its end. Not reusable.

    ``so_far`` is how far earlier processes of the same run came.
    """

    def __init__(
        self, job: Job, plan: Plan, ports: Ports, holder: Holder, so_far: Progress | None = None
    ) -> None:
        self._job = job
        self._plan = plan
        self._ports = ports
        self._stage = Stage(job, plan, ports, holder, so_far or Progress())
        self._conduct = ports.conduct(self._stage)
        self._begun = job.clock.monotonic()

    def carry_out(self) -> RunResult:
        """Do what is left of the plan, then close the run or leave it interrupted.

        Raises Refused when a lease was lost to another process, Busy never.
        """
        with limited(self._job, self._too_late):
            self._conduct.begin()
            self._take_waves()
        result = self._end()
        sink = self._stage.sink
        problems = self._ports.witnessing(self._ports.ledger.checkpoint())
        for problem in problems:
            sink.write(sink.event("run.deviation", {"message": problem.to_json()}))
        result = replace(result, problems=(*result.problems, *problems))
        self._ports.watcher.closed(result)
        return result

    def _take_waves(self) -> None:
        for wave in self._waves():
            if self._stage.halted:
                return
            if self._conduct.may_begin(wave.hosts):
                self._one_wave(wave)

    def _waves(self) -> Iterator[_Wave]:
        """First the wave that was left unfinished, with its hosts; then the rest of the ramp."""
        so_far = self._stage.so_far
        unfinished = so_far.wave
        if unfinished:
            yield _Wave(so_far.waves, unfinished, again=True)
        left = [host for host in self._stage.left if host not in set(unfinished)]
        ramp = split(left, self._plan.waves, so_far.ramp)
        for number, hosts in enumerate(ramp, so_far.waves + 1):
            yield _Wave(number, hosts)

    def _one_wave(self, wave: _Wave) -> None:
        sink, watch = self._stage.sink, Stopwatch(self._job.clock)
        if not wave.again:
            payload = {"number": wave.number, "hosts": list(wave.hosts)}
            sink.write(sink.event("wave.started", payload))
        self._ports.watcher.wave_started(wave.number, wave.hosts)
        with self._stage.leases.held(wave.hosts, sink.finished) as hosts:
            self._conduct.take(hosts, watch)
        if not self._job.cancelled.is_set():
            done = {"number": wave.number, "seconds": watch.seconds}
            sink.defer(sink.event("wave.finished", done))
            self._tell_end(wave)

    def _tell_end(self, wave: _Wave) -> None:
        so_far = self._stage.so_far
        outcomes = {h: so_far.outcomes[h] for h in wave.hosts if h in so_far.outcomes}
        passed = sum(so_far.verified.get(host, False) for host in wave.hosts)
        verified = passed if self._ports.verifier is not None else None
        self._ports.watcher.wave_ended(wave.number, outcomes, verified)

    def _too_late(self) -> None:
        self._stage.late.set()
        self._job.cancelled.set()

    def _end(self) -> RunResult:
        stage = self._stage
        if stage.late.is_set():
            self._conduct.too_late()
        unverified = sorted(stage.verification.open(self._plan.hosts))
        if stage.stop is not None or stage.left or unverified:
            return self._interrupt([*stage.left, *unverified])
        return self._close()

    def _interrupt(self, left: Sequence[str]) -> RunResult:
        stop = self._stage.stop
        result = self._result(RunState.INTERRUPTED, stop.exit if stop else Exit.INTERRUPTED)
        event = self._stage.sink.event("run.interrupted", {"left": list(left)})
        self._stage.sink.write(event, *self._of_change(result))
        told = msg("{run} was stopped; hosts left: {number}; go on with: opsbook resume {run}",
                   run=self._job.run, number=len(self._to_be_taken(left)))  # fmt: skip
        why = [stop.problem] if stop else []
        return replace(result, problems=(*why, *result.problems, told))

    def _to_be_taken(self, left: Sequence[str]) -> set[str]:
        """The hosts that a resume takes: of a change also those that did not end well."""
        if not self._job.change:
            return set(left)
        return {*left, *self._stage.so_far.to_reopen(self._plan.hosts)}

    def _close(self) -> RunResult:
        result = self._result(RunState.CLOSED, Exit.DONE)
        payload = {
            "state": str(result.state),
            "exit": int(result.exit),
            "counts": {str(outcome): number for outcome, number in result.counts.items()},
            "seconds": round(self._stage.so_far.seconds + self._spent(), 3),
            "versions": self._plan.content["versions"],
        }
        event = self._stage.sink.event("run.closed", payload)
        self._stage.sink.write(event, *self._of_change(result))
        return result

    def _spent(self) -> float:
        return self._job.clock.monotonic() - self._begun

    def _of_change(self, result: RunResult) -> list[NewEvent]:
        """What the change must know of this ending, told in the same transaction."""
        if not self._job.change:
            return []
        becomes = self._conduct.becomes(result.state, result.exit)
        outcomes = self._stage.so_far.outcomes
        payload = {
            "run": self._job.run,
            "state": str(result.state),
            "exit": int(result.exit),
            "becomes": str(becomes) if becomes else None,
            "done": [host for host in self._plan.hosts if outcomes.get(host) in _DONE],
        }
        event = NewEvent("change.ended", self._job.estate.name, self._job.change, payload=payload)
        return [event]

    def _result(self, state: RunState, alone: Exit) -> RunResult:
        """The most serious of what became of the hosts and of the ending ``alone``."""
        outcomes = self._stage.so_far.outcomes.values()
        code = most_serious([alone, *(outcome.exit for outcome in outcomes)])
        problems = (*self._stage.problems, *self._stage.verification.problems)
        return RunResult(self._job.run, state, code, Counter(outcomes), problems)
