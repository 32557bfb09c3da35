"""How an approved change is applied, wave by wave.

gate -> leases -> what was caught midway is examined and completed -> drift check -> work ->
verification -> what failed is brought back. Each step takes the hosts of the wave that are not
beyond it, so that a wave which a dead process left is simply taken again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opsbook.execution.work import ChangeWork, Examined, HostReport, Standing
from opsbook.lifecycle.conduct.routine import answer_for
from opsbook.lifecycle.conduct.stage import Conduct, Stage, Stopwatch
from opsbook.lifecycle.conduct.undoing import bring_back, time_is_over
from opsbook.model.change import ChangeState
from opsbook.model.errors import HostFault, OpsbookError
from opsbook.model.estate import Host
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome, RunState
from opsbook.model.plan import HostPlan, Outlook

Gate = Callable[[Sequence[str]], Message | None]
"""Told the hosts of a wave: why it may not begin now (window, freeze, cut-off), or None.

Raises Refused when the change may not go on at all (its approval no longer stands).
"""


def applying(work: ChangeWork, gate: Gate) -> Callable[[Stage], Conduct]:
    """The conduct of runs that carry out an approved plan."""
    return lambda stage: ApplyConduct(stage, work, gate)


class ApplyConduct:
    """Does exactly ``job.plans``, or leaves a host untouched, or brings it back."""

    def __init__(self, stage: Stage, work: ChangeWork, gate: Gate) -> None:
        self._stage = stage
        self._work = work
        self._gate = gate
        self._on_drift = stage.plan.content.get("on_drift", "skip")

    def begin(self) -> None:
        """End the hosts of which the plan says that nothing is done; finish an undo that a dead
        process owed, which no closed window forbids.
        """
        stage = self._stage
        for name in stage.left:
            reason = _not_to_be_touched(name, stage.job.plans.get(name))
            if reason is not None and name not in stage.so_far.begun:
                stage.sink.finished(HostReport(name, Outcome.SKIPPED, reason))
        owed = self._to_bring_back(stage.so_far.wave)
        if owed:
            with stage.leases.held(owed, self._brought_back) as hosts:
                self._settle(hosts)
        self._stop_if_spent(stage.so_far.wave)
        self._stop_if_drifted()
        if stage.so_far.stopped is not None:
            stage.stop = stage.so_far.stopped

    def may_begin(self, wave: Sequence[str]) -> bool:
        """Ask the gate; what it says stops the run."""
        try:
            closed = self._gate(wave)
        except OpsbookError as error:
            self._stage.stop_here(error.problem, error.exit)
            return False
        if closed is not None:
            self._stage.stop_here(closed)
        return closed is None

    def take(self, hosts: Sequence[Host], watch: Stopwatch) -> None:
        """Carry the wave through; each step takes the hosts that are not beyond it."""
        stage = self._stage
        with watch.phase("examine"):
            midway = self._examine([host for host in hosts if self._caught(host)])
        with watch.phase("apply"):
            self._perform(midway)
        with watch.phase("drift"):
            todo = self._as_planned([host for host in hosts if self._open(host)])
        with watch.phase("apply"):
            self._perform(todo)
        with watch.phase("verify"):
            stage.verification.verify([host.name for host in hosts])
        if stage.late.is_set():
            self._cut_off(hosts)
        with watch.phase("undo"):
            if stage.late.is_set() or not stage.job.cancelled.is_set():
                self._settle(hosts)
                self._stop_if_spent([host.name for host in hosts])

    def too_late(self) -> None:
        """What is left can be resumed."""
        if self._stage.left or self._stage.verification.open(self._stage.plan.hosts):
            self._stage.stop_here(time_is_over(self._stage))

    def becomes(self, state: RunState, exit_code: Exit) -> ChangeState | None:
        """Applied only when every host is as the plan says."""
        if state is RunState.INTERRUPTED:
            return ChangeState.STOPPED
        done = exit_code in (Exit.DONE, Exit.CHANGED)
        return ChangeState.APPLIED if done else ChangeState.FAILED

    def _open(self, host: Host) -> bool:
        return host.name not in self._stage.sink.outcomes

    def _caught(self, host: Host) -> bool:
        return self._open(host) and host.name in self._stage.so_far.begun

    def _examine(self, caught: Sequence[Host]) -> list[Host]:
        """Those of ``caught`` that the work can complete; the untouched ones stay open."""
        if not caught:
            return []
        found = self._work.examine(caught, self._stage.job)
        if self._stage.job.cancelled.is_set():
            return []
        return [host for host in caught if self._to_complete(host, found.get(host.name))]

    def _to_complete(self, host: Host, found: Examined | OpsbookError | None) -> bool:
        """Whether the work completes ``host``; what was found is on record before it does."""
        if not isinstance(found, Examined):
            self._stage.sink.finished(_not_examined(host.name, found))
            return False
        payload = {"standing": str(found.standing), "found": found.found.to_json()}
        self._stage.sink.write(self._stage.sink.event("host.examined", payload, host.name))
        if found.standing is Standing.DONE:
            self._stage.sink.finished(
                HostReport(host.name, Outcome.CHANGED, found.found, evidence=found.evidence)
            )
        elif found.standing is Standing.MIDWAY and not found.repairable:
            self._stage.sink.finished(HostReport(host.name, Outcome.FAILED, found.found))
        return self._caught(host)

    def _as_planned(self, hosts: Sequence[Host]) -> list[Host]:
        """Those of ``hosts`` on which exactly what was planned would happen now."""
        stage = self._stage
        if not hosts or stage.halted or stage.over_budget:
            return []
        now = self._work.forecast(hosts, stage.job)
        if stage.job.cancelled.is_set():
            return []
        good = [host for host in hosts if self._holds(host.name, now.get(host.name))]
        self._stop_if_drifted()
        return [] if stage.halted or stage.over_budget else good

    def _holds(self, name: str, now: HostPlan | OpsbookError | None) -> bool:
        """Whether the plan of ``name`` still holds; otherwise the host has its end."""
        if isinstance(now, HostPlan):
            report = _drifted(self._stage.job.plans[name], now)
        else:
            report = _unforeseen(name, now)
        if report is not None:
            self._stage.sink.finished(report)
        return report is None

    def _perform(self, hosts: Sequence[Host]) -> None:
        stage = self._stage
        if not hosts or stage.halted:
            return
        self._work.perform(hosts, stage.job, stage.sink)
        if not stage.job.cancelled.is_set():
            answer_for(hosts, stage)

    def _cut_off(self, hosts: Sequence[Host]) -> None:
        """Hosts that were at work when the time limit ended have failed."""
        limit = self._stage.job.runbook.timeout
        for host in hosts:
            if self._caught(host):
                why = msg("{host} was still at work when the time limit {limit} ended.",
                          host=host.name, limit=limit)  # fmt: skip
                self._stage.sink.finished(HostReport(host.name, Outcome.FAILED, why))

    def _to_bring_back(self, names: Sequence[str]) -> list[str]:
        """Of a wave: the failed hosts that were begun; past the budget all that may carry changes,
        except those that could not be reached.
        """
        so_far = self._stage.so_far
        bad = {Outcome.FAILED} | ({Outcome.CHANGED, None} if self._stage.over_budget else set())
        open_ = so_far.begun - so_far.undone.keys()
        return [name for name in names if name in open_ and so_far.outcomes.get(name) in bad]

    def _settle(self, hosts: Sequence[Host]) -> None:
        """Failed hosts are brought back alone; past the budget their whole wave is."""
        names = set(self._to_bring_back([host.name for host in hosts]))
        wanted = [host for host in hosts if host.name in names]
        for report in bring_back(self._work, wanted, self._stage):
            self._brought_back(report)

    def _brought_back(self, report: HostReport) -> None:
        self._stage.sink.undone(report)
        if report.outcome not in (Outcome.OK, Outcome.CHANGED):
            self._stage.problems.append(
                msg("{host} could not be brought back: {reason}",
                    host=report.host, reason=report.summary)
            )  # fmt: skip

    def _stop_if_drifted(self) -> None:
        outcomes = self._stage.sink.outcomes
        drifted = [h for h in self._stage.plan.hosts if outcomes.get(h) is Outcome.REFUSED]
        if drifted and self._on_drift == "stop":
            self._stage.stop_here(
                msg("No longer as planned: {hosts}. The plan says to stop then.",
                    hosts=", ".join(drifted)), Exit.REFUSED
            )  # fmt: skip

    def _stop_if_spent(self, wave: Sequence[str]) -> None:
        stage = self._stage
        if not stage.over_budget:
            return
        outcomes, budget = stage.sink.outcomes, stage.plan.waves.failure_budget
        away = [name for name in wave if outcomes.get(name) is Outcome.UNREACHABLE]
        why = msg("More hosts failed than the plan allows ({budget}): their wave was brought back"
                  " and the rest was left untouched.", budget=budget)  # fmt: skip
        if away:
            why = msg("More hosts failed than the plan allows ({budget}): their wave was brought"
                      " back except {hosts}, which could not be reached; the rest was left"
                      " untouched.", budget=budget, hosts=", ".join(away))  # fmt: skip
        stage.stop_here(why)


def _not_to_be_touched(name: str, plan: HostPlan | None) -> Message | None:
    """The plan's reason why nothing is done on a host; None when something is."""
    if plan is None:
        return msg("The plan says nothing of {host}.", host=name)
    if plan.outlook is Outlook.CHANGE:
        return None
    return plan.reason or msg("There is nothing to do on {host}.", host=name)


def _not_examined(name: str, error: OpsbookError | None) -> HostReport:
    """A host that cannot be examined is left alone: what it carries is not known."""
    reason = error.problem if error else msg("the examination did not speak of it")
    why = msg("{host} was caught midway and cannot be examined: {reason}", host=name, reason=reason)
    return HostReport(name, Outcome.UNREACHABLE, why)


def _unforeseen(name: str, error: OpsbookError | None) -> HostReport:
    """A host of which it cannot be told whether its plan still holds."""
    reason = error.problem if error else msg("the forecast did not speak of it")
    outcome = error.outcome if isinstance(error, HostFault) else Outcome.FAILED
    why = msg("{host} could not be compared with its plan and was left untouched: {reason}",
              host=name, reason=reason)  # fmt: skip
    return HostReport(name, outcome, why)


def _drifted(plan: HostPlan, now: HostPlan) -> HostReport | None:
    """The refusal of a host on which something else would happen than was approved."""
    found = plan.differences(now)
    if not found:
        return None
    why = msg("{host} is no longer as planned and was left untouched: {what}",
              host=plan.host, what=found[0])  # fmt: skip
    return HostReport(plan.host, Outcome.REFUSED, why, deviations=tuple(found))
