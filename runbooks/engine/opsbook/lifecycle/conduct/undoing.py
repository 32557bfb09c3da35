"""Bringing hosts back: the settling of a failed wave, and whole runs that undo a change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from opsbook.execution.work import ChangeWork, HostReport
from opsbook.lifecycle.conduct.stage import Conduct, Stage, Stopwatch, limited
from opsbook.model.change import ChangeState
from opsbook.model.estate import Host
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome, RunState
from opsbook.model.runbook import duration


def bring_back(work: ChangeWork, hosts: Sequence[Host], stage: Stage) -> list[HostReport]:
    """Undo on ``hosts``; every one has its report.

    An undo that has begun is not cut off by the request to stop or by the run's time limit, which
    may be the very reason for it; it has that limit again for itself.
    """
    if not hosts:
        return []
    deadline = stage.job.clock.monotonic() + duration(stage.job.runbook.timeout).total_seconds()
    job = replace(stage.job, cancelled=threading.Event(), deadline=deadline)
    with limited(job, job.cancelled.set):
        found = work.undo(hosts, job, stage.sink)
    return [found.get(host.name) or _forgotten(host.name) for host in hosts]


def time_is_over(stage: Stage) -> Message:
    """Why a run stops whose time limit ended; what is left of it can be resumed."""
    return msg("The time limit {limit} ended before all hosts were done.",
               limit=stage.job.runbook.timeout)  # fmt: skip


def _forgotten(host: str) -> HostReport:
    problem = msg("The undo of {host} ended without saying how.", host=host)
    return HostReport(host, Outcome.FAILED, problem)


def undoing(work: ChangeWork, *, whole: bool = True) -> Callable[[Stage], Conduct]:
    """The conduct of a run that undoes a change; ``whole``: on all hosts that carry changes."""
    return lambda stage: UndoConduct(stage, work, whole)


class UndoConduct:
    """Undo is idempotent: a host whose undo was caught midway is undone again."""

    def __init__(self, stage: Stage, work: ChangeWork, whole: bool) -> None:
        self._stage = stage
        self._work = work
        self._whole = whole

    def begin(self) -> None:
        """Go on being stopped where a process died after it had said so."""
        if self._stage.so_far.stopped is not None:
            self._stage.stop = self._stage.so_far.stopped

    def may_begin(self, wave: Sequence[str]) -> bool:
        """Recovery is bound to no window, but where it fails on too many hosts a person decides."""
        if not self._stage.over_budget:
            return True
        self._stage.stop_here(
            msg("More hosts could not be brought back than the plan allows to fail; the rest was"
                " left as it is.")
        )  # fmt: skip
        return False

    def take(self, hosts: Sequence[Host], watch: Stopwatch) -> None:
        """Bring the hosts back that have no end yet."""
        todo = [host for host in hosts if host.name not in self._stage.sink.outcomes]
        with watch.phase("undo"):
            for report in bring_back(self._work, todo, self._stage):
                self._stage.sink.finished(report)

    def too_late(self) -> None:
        """What is left can be resumed."""
        if self._stage.left:
            self._stage.stop_here(time_is_over(self._stage))

    def becomes(self, state: RunState, exit_code: Exit) -> ChangeState | None:
        """Undone, when every host that carries changes was brought back."""
        if state is RunState.INTERRUPTED:
            return None
        if exit_code not in (Exit.DONE, Exit.CHANGED):
            return ChangeState.FAILED
        return ChangeState.UNDONE if self._whole else None
