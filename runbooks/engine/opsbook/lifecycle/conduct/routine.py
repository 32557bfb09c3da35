"""How a routine run is carried out: it only reads, so hosts are done, verified, and that is all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opsbook.execution.verify.verification import SuiteTest, Verified
from opsbook.execution.work import HostReport, Work
from opsbook.lifecycle.conduct.stage import Conduct, Stage, Stopwatch
from opsbook.model.change import ChangeState
from opsbook.model.estate import Host
from opsbook.model.exits import Exit
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome, RunState


def routine(work: Work) -> Callable[[Stage], Conduct]:
    """The conduct of runs that only read."""
    return lambda stage: RoutineConduct(stage, work)


class RoutineConduct:
    """A host that had begun when a process died is examined before it is done again."""

    def __init__(self, stage: Stage, work: Work) -> None:
        self._stage = stage
        self._work = work

    def begin(self) -> None:
        """Nothing is settled without a wave."""

    def may_begin(self, wave: Sequence[str]) -> bool:
        """Past the failure budget the rest of the hosts is left untouched."""
        if not self._stage.over_budget:
            return True
        for name in wave:
            why = msg("Too many hosts failed before {host}; it was left untouched.", host=name)
            self._stage.sink.finished(HostReport(name, Outcome.NOT_STARTED, why))
        return False

    def take(self, hosts: Sequence[Host], watch: Stopwatch) -> None:
        """Do what is not done yet, then verify."""
        stage = self._stage
        with watch.phase("apply"):
            todo = [host for host in hosts if host.name not in stage.sink.outcomes]
            todo = [host for host in todo if not self._was_done(host)]
            if todo:
                self._work.perform(todo, stage.job, stage.sink)
            if not stage.job.cancelled.is_set():
                answer_for(todo, stage)
        with watch.phase("verify"):
            stage.verification.verify([host.name for host in hosts])

    def too_late(self) -> None:
        """Hosts at work have failed, hosts not begun were not started."""
        stage = self._stage
        for name in stage.left:
            stage.sink.finished(timed_out(name, stage))
        for name in stage.verification.open(stage.plan.hosts):
            cut = SuiteTest(
                "time limit", "error", "the run's time limit ended before the suite did"
            )
            stage.verification.note(name, Verified(0, 1, (cut,)))

    def becomes(self, state: RunState, exit_code: Exit) -> ChangeState | None:
        """A routine run belongs to no change."""
        return None

    def _was_done(self, host: Host) -> bool:
        if host.name not in self._stage.so_far.begun:
            return False
        report = self._work.examine(host, self._stage.job)
        if report is not None:
            self._stage.sink.finished(report)
        return report is not None


def answer_for(hosts: Sequence[Host], stage: Stage) -> None:
    """A work that forgot a host is our bug, but the host still gets its end."""
    for host in hosts:
        if host.name not in stage.sink.outcomes:
            problem = msg("The work on {host} ended without saying how.", host=host.name)
            stage.sink.finished(HostReport(host.name, Outcome.FAILED, problem))


def timed_out(name: str, stage: Stage) -> HostReport:
    """The end of a host that the time limit of the run cut off."""
    limit = stage.job.runbook.timeout
    if name in stage.sink.clocked:
        why = msg("{host} was still at work when the time limit {limit} ended.",
                  host=name, limit=limit)  # fmt: skip
        return HostReport(name, Outcome.FAILED, why)
    why = msg("The time limit {limit} ended before {host} was begun.", limit=limit, host=name)
    return HostReport(name, Outcome.NOT_STARTED, why)
