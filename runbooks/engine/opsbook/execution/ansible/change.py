"""PlaybookChange: a runbook that changes hosts through Ansible.

A plan comes from the runbook's survey and planner where it has them, else from its playbook in
check mode. Only :meth:`PlaybookChange.perform` and :meth:`PlaybookChange.undo` write, each under
the lease marker of every host; a host on which it cannot be put is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from opsbook.execution.ansible.actual import compare
from opsbook.execution.ansible.call import Play, play
from opsbook.execution.ansible.prediction import Line, foresee, host_plan
from opsbook.execution.ansible.told import Told
from opsbook.execution.declared.vault import masker_of
from opsbook.execution.reach.marker import Markers
from opsbook.execution.work import Examined, HostReport, Job, Planner, Sink, Standing
from opsbook.model.errors import HostFailed, HostUnreachable, Interrupted, OpsbookError
from opsbook.model.estate import Host
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome
from opsbook.model.plan import HostPlan, Outlook
from opsbook.model.runbook import duration

WIDE = 50
"""Hosts that are looked at at the same time."""

_TEMPLATES = {"opsbook_plan": "{{ opsbook_plans[inventory_hostname] | default({}) }}"}
_CHECKING = ("--check", "--diff")

_ROUNDS = 5
"""So often a planner may ask hosts before it must say what it makes of their answers."""


class PlaybookChange:
    """A :class:`opsbook.execution.work.ChangeWork`; one object may serve several waves."""

    def __init__(self, planner: Planner | None = None) -> None:
        self._planner = planner

    def forecast(self, hosts: Sequence[Host], job: Job) -> dict[str, HostPlan | OpsbookError]:
        """See :meth:`opsbook.execution.work.ChangeWork.forecast`. Raises as the planner's check."""
        if self._planner and not job.plans:
            self._planner.check(hosts, job)
        cannot = {host.name: why for host in hosts if (why := _cannot(host))}
        able = [host for host in hosts if host.name not in cannot]
        if self._planner and cannot and not job.plans:
            told = self._planner.unable([host for host in hosts if host.name in cannot], job)
            cannot |= {name: replace(cannot[name], given=given) for name, given in told.items()}
        foreseen = self._settled(able, job) if self._planner else _checked(able, job)
        return {**cannot, **foreseen}

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """See :meth:`opsbook.execution.work.ChangeWork.perform`."""
        told: list[Told] = []

        def work(held: Sequence[Host]) -> dict[str, HostReport]:
            told.append(Told(sink, masker_of(job.estate)))
            file = job.runbook.work.playbook or ""
            asked = self._play(file, held, job, phase="apply", told=told[0])
            return play(asked, job, sink, masker_of(job.estate))

        for name, report in _under_markers(hosts, job, work).items():
            lines = told[0].tasks.get(name, []) if told else []
            sink.finished(self._concluded(report, lines, job))

    def examine(self, hosts: Sequence[Host], job: Job) -> dict[str, Examined | OpsbookError]:
        """See :meth:`opsbook.execution.work.ChangeWork.examine`."""
        if self._planner is None:
            found = self.forecast(hosts, job)
            return {name: _standing(name, job, now) for name, now in found.items()}
        surveys, faults = self._survey(hosts, job)
        seen = {name: self._planner.standing(name, s, job) for name, s in surveys.items()}
        return {**faults, **seen}

    def undo(self, hosts: Sequence[Host], job: Job, sink: Sink) -> dict[str, HostReport]:
        """See :meth:`opsbook.execution.work.ChangeWork.undo`."""
        file = job.runbook.undo.playbook
        if job.runbook.undo.kind == "none" or file is None:
            why = msg("the runbook has no playbook that undoes its work")
            return {host.name: HostReport(host.name, Outcome.FAILED, why) for host in hosts}

        def work(held: Sequence[Host]) -> dict[str, HostReport]:
            told = Told(sink, masker_of(job.estate))
            asked = self._play(file, held, job, phase="undo", told=told)
            return play(asked, job, sink, masker_of(job.estate))

        reports = _under_markers(hosts, job, work)
        return {name: _brought_back(report) for name, report in reports.items()}

    def _settled(self, hosts: Sequence[Host], job: Job) -> dict[str, HostPlan | OpsbookError]:
        """Plans by the planner, from what the survey read."""
        assert self._planner is not None
        surveys, faults = self._survey(hosts, job)
        silent: dict[str, OpsbookError] = {}
        before: dict[str, Any] = {}
        for _ in range(_ROUNDS):
            asked = {host: question for host, question in self._planner.asks(surveys, job).items()
                     if host not in silent and before.get(host) != question}  # fmt: skip
            if not asked:
                break
            some = [host for host in hosts if host.name in asked]
            answers, lost_now = self._survey(some, job, asked)
            self._planner.learn(answers, job)
            silent |= lost_now
            before |= asked
        settled = self._planner.settle(surveys, job)
        lost = {name: silent.get(name, why) for name, why in settled.items()
                if isinstance(why, OpsbookError)}  # fmt: skip
        return {**faults, **settled, **lost}

    def _survey(
        self, hosts: Sequence[Host], job: Job, asked: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Mapping[str, Any]], dict[str, OpsbookError]]:
        """What the runbook's survey read on ``hosts``, and why it could not on the others."""
        if not hosts:
            return {}, {}
        call = self._play(job.runbook.work.survey or "", hosts, job, phase="", asked=asked)
        reports = play(call, job, _Silent(), masker_of(job.estate))
        surveys: dict[str, Mapping[str, Any]] = {}
        faults: dict[str, OpsbookError] = {}
        for host in hosts:
            report = reports.get(host.name)
            fault = _fault(report)
            if fault is None and report is not None:
                surveys[host.name] = report.evidence
            elif fault is not None:
                faults[host.name] = fault
        return surveys, faults

    def _play(
        self,
        playbook: str,
        hosts: Sequence[Host],
        job: Job,
        *,
        phase: str,
        told: Told | None = None,
        asked: Mapping[str, Any] | None = None,
    ) -> Play:
        """A call that also has what the planner brings, and what it asks."""
        call = _play(playbook, hosts, job, phase=phase, told=told)
        variables, templates = dict(call.variables), dict(call.templates)
        if self._planner is not None and (equipment := self._planner.equipment(job)):
            variables["opsbook_equipment"] = dict(equipment)
        if asked is not None:
            variables["opsbook_questions"] = dict(asked)
            templates["opsbook_asked"] = "{{ opsbook_questions[inventory_hostname] }}"
        return replace(call, variables=variables, templates=templates)

    def _concluded(self, report: HostReport, lines: Sequence[Line], job: Job) -> HostReport:
        """The report with predicted against actual."""
        plan = job.plans.get(report.host)
        if plan is None or report.outcome in (Outcome.REFUSED, Outcome.BUSY):
            return report
        if self._planner is not None:
            evidence, deviations = self._planner.conclude(report.host, report.evidence, job)
        else:
            actual, found = compare(plan, lines)
            evidence, deviations = {**report.evidence, "actual": actual}, tuple(found)
        return replace(report, evidence=evidence, deviations=(*report.deviations, *deviations))


class _Silent:
    """A :class:`opsbook.execution.work.Sink` for looking at hosts, of which nothing is recorded."""

    def started(self, host: str, phase: str) -> None: ...

    def progress(self, host: str, done: int, total: int | None) -> None: ...

    def task(self, host: str, name: str, status: str, detail: Mapping[str, Any]) -> None: ...

    def prepared(self, host: str, material: Mapping[str, Any]) -> None: ...

    def finished(self, report: HostReport) -> None: ...


def _cannot(host: Host) -> HostPlan | None:
    """Why opsbook may not or cannot change ``host``, whatever is there."""
    why: Message | None = None
    if host.left_alone is not None:
        why = msg("{host} is not managed by opsbook: {reason}",
                  host=host.name, reason=host.left_alone)  # fmt: skip
    elif not host.python:
        why = msg("there is no Python on this host, so Ansible cannot change it")
    return HostPlan(host.name, Outlook.CANNOT, why) if why else None


def _under_markers(
    hosts: Sequence[Host],
    job: Job,
    work: Callable[[Sequence[Host]], dict[str, HostReport]],
) -> dict[str, HostReport]:
    """Do ``work`` on the hosts on which our marker could be put.

    Markers are given back where the work came to an end; where it was cut off, something of it
    may still be going on, and the marker keeps others away until it is resumed or has run out.
    """
    if job.cancelled.is_set() or not hosts:
        return {}
    markers = Markers(job)
    refused = markers.take(hosts)
    held = [host for host in hosts if host.name not in refused]
    reports = work(held) if held else {}
    if job.seconds_left > 0:
        ended = {name for name, r in reports.items() if r.outcome is not Outcome.UNREACHABLE}
        markers.give_back([host for host in held if host.name in ended])
    return {**refused, **reports}


def _play(playbook: str, hosts: Sequence[Host], job: Job, *, phase: str,
          options: tuple[str, ...] = (), told: Told | None = None) -> Play:  # fmt: skip
    forks = min(len(hosts), job.runbook.waves.cap if phase else WIDE)
    plans = {host.name: job.plans[host.name].to_json() for host in hosts if host.name in job.plans}
    variables: dict[str, Any] = {
        "opsbook_plans": plans, "opsbook_change": job.known_as, "opsbook_run": job.run,
    }  # fmt: skip
    return Play(playbook, hosts, max(forks, 1), phase, options, variables, dict(_TEMPLATES), told)


def _fault(report: HostReport | None) -> OpsbookError | None:
    """Why nothing was learned of a host."""
    if report is None:
        return Interrupted(msg("stopped before this host was looked at"))
    if report.outcome is Outcome.UNREACHABLE:
        return HostUnreachable(report.summary)
    if not report.outcome.good:
        return HostFailed(report.summary)
    return None


def _checked(hosts: Sequence[Host], job: Job) -> dict[str, HostPlan | OpsbookError]:
    """Plans from the playbook in check mode."""
    if not hosts:
        return {}
    told = Told(_Silent(), masker_of(job.estate))
    file = job.runbook.work.playbook or ""
    call = _play(file, hosts, job, phase="", options=_CHECKING, told=told)
    reports = play(call, job, _Silent(), masker_of(job.estate))
    return {
        host.name: _foreseen(host.name, reports.get(host.name), told.tasks.get(host.name, []), job)
        for host in hosts
    }


def _foreseen(
    host: str, report: HostReport | None, lines: Sequence[Line], job: Job
) -> HostPlan | OpsbookError:
    fault = _fault(report)
    if fault is not None and not (lines and lines[-1]["status"] == "failed"):
        return fault
    seconds = int(duration(job.runbook.predicted_duration).total_seconds())
    undoable = job.runbook.undo.kind == "playbook"
    return host_plan(host, foresee(lines), undoable=undoable, seconds=seconds)


def _standing(host: str, job: Job, now: HostPlan | OpsbookError) -> Examined | OpsbookError:
    """How far a host is by what check mode would still do there."""
    if isinstance(now, OpsbookError):
        return now
    plan = job.plans[host]
    if now.outlook is Outlook.NOTHING:
        return Examined(Standing.DONE, msg("check mode foresees no change any more"))
    if not plan.differences(now):
        return Examined(Standing.UNTOUCHED, msg("check mode foresees what was planned"))
    left = [item.key for item in now.items]
    found = msg("part of the plan is done; left: {items}", items=", ".join(left)[:600] or "-")
    return Examined(Standing.MIDWAY, found, repairable=False)


def _brought_back(report: HostReport) -> HostReport:
    if report.outcome is Outcome.CHANGED:
        return replace(report, summary=msg("brought back to what it was before the change"))
    if report.outcome in (Outcome.OK, Outcome.SKIPPED):
        return replace(report, outcome=Outcome.OK, summary=msg("there was nothing to bring back"))
    return report
