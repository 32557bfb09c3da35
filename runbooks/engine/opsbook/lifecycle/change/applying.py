"""Applying an approved change, going on with it, and undoing it.

The change's lease is held from the first look at the dossier to the end of the run, so that two
terminals never apply, sign or cancel the same change at once. The nonce is spent in the same
transaction that opens the run: ``change.begun`` happens once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from opsbook.approval.signatures import SshSignatures
from opsbook.calendars.load import load_calendars
from opsbook.execution.requester import requester
from opsbook.execution.work import ChangeWork, Job
from opsbook.ledger import resources
from opsbook.ledger.dossier import read_dossier
from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger, this_process
from opsbook.ledger.witness import testify
from opsbook.lifecycle.change.admission import refuse_other_undo
from opsbook.lifecycle.change.approved import (
    BEGUN,
    ApprovedChange,
    admitted,
    before_wave,
    make_scene,
    refuse_closed,
    refusing,
)
from opsbook.lifecycle.change.opening import (
    opening,
    opening_undo,
    resumed,
    undo_plan,
)
from opsbook.lifecycle.conduct.carrying import day_of, held, stop_on_signals, verifier_of
from opsbook.lifecycle.conduct.changing import applying
from opsbook.lifecycle.conduct.givingup import giving_up
from opsbook.lifecycle.conduct.history import History, earlier, read_history
from opsbook.lifecycle.conduct.run import Run
from opsbook.lifecycle.conduct.stage import Conduct, Ports, Stage
from opsbook.lifecycle.conduct.undoing import undoing
from opsbook.lifecycle.conduct.verifying import Verifier
from opsbook.lifecycle.deciding.approving import Decided, cancel, expire, open_desk
from opsbook.lifecycle.deciding.policies import adopt_policy
from opsbook.lifecycle.plan import Plan
from opsbook.lifecycle.reasons import fit_reason
from opsbook.lifecycle.request import Adopted, Origin, RunResult, Watcher
from opsbook.lifecycle.timing import closes
from opsbook.lifecycle.works import change_work_for
from opsbook.model.change import ChangeState
from opsbook.model.clock import Clock
from opsbook.model.errors import UsageFault
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.runbook import duration


def apply_change(
    number: str, places: Places, clock: Clock, watcher: Watcher, *, origin: Origin = "terminal"
) -> RunResult | Adopted:
    """Carry out an approved change; a change of policy is put in force, without a run.

    Raises UsageFault when there is no such change, Busy while somebody else is at it, Refused
    when anything is not as approved or nothing may begin now (recorded as a refused run).
    """
    ledger = open_ledger(places, clock)
    estate_name = read_dossier(ledger, number)["plan"]["estate"]["name"]
    expire(open_desk(number, ledger, places, clock, SshSignatures()))
    with held(ledger, resources.of_change(estate_name, number), number):
        dossier = read_dossier(ledger, number)
        if dossier["kind"] == "policy":
            problems = adopt_policy(dossier, ledger, places, clock, SshSignatures())
            return Adopted(number, problems)
        scene = make_scene(dossier, ledger, places, clock)
        who = requester(origin, None, os.environ)
        refusing(scene, who, partial(admitted, scene, (ChangeState.APPROVED,)))
        refusing(scene, who, partial(refuse_closed, scene))
        work = _work(scene)
        run = ledger.open_run(day_of(scene.estate, scene.at), partial(opening, scene, who))
        return _carry_out(scene, run, work, watcher)


def resume_change(number: str, places: Places, clock: Clock, watcher: Watcher) -> RunResult:
    """Go on with the run of a change (or its undo) that was stopped or whose process died.

    ``number`` is that of the run. Raises what applying raises.
    """
    ledger = open_ledger(places, clock)
    history = read_history(ledger, number)
    change = history.plan.content["change"]
    with held(ledger, resources.of_change(history.plan.content["estate"]["name"], change), number):
        scene = make_scene(read_dossier(ledger, change), ledger, places, clock)
        who = requester("terminal", None, os.environ)
        if history.phase == "apply":
            refusing(scene, who, partial(admitted, scene, BEGUN))
        else:
            refusing(scene, who, partial(refuse_other_undo, scene.dossier, scene.bound))
        work = _work(scene)
        resumed(scene, number, who)
        return _carry_out(scene, number, work, watcher)


def undo_change(
    number: str, limit: str | None, places: Places, clock: Clock, watcher: Watcher
) -> RunResult:
    """Bring back every host that the change changed, or those of them that ``limit`` leaves.

    Undoing was approved with the plan; it is not bound to the window. An apply that was stopped
    is closed as it stands first. Raises UsageFault when there is nothing to undo or an undo was
    cut off, Refused when the code is no longer the approved one.
    """
    ledger = open_ledger(places, clock)
    estate_name = read_dossier(ledger, number)["plan"]["estate"]["name"]
    with held(ledger, resources.of_change(estate_name, number), number):
        scene = make_scene(read_dossier(ledger, number), ledger, places, clock, limit)
        who = requester("terminal", None, os.environ)
        refusing(scene, who, partial(refuse_other_undo, scene.dossier, scene.bound))
        _refuse_open_undo(scene)
        plan, work = undo_plan(scene, limit), _work(scene)
        _close_open_runs(scene, "opsbook undo", watcher)
        beginning = partial(opening_undo, scene, who, plan)
        run = ledger.open_run(day_of(scene.estate, scene.at), beginning)
        return _carry_out(scene, run, work, watcher)


def cancel_change(
    number: str, reason: str, places: Places, clock: Clock, watcher: Watcher
) -> Decided:
    """Withdraw a change that was not begun, or close its open runs as they stand.

    Raises Refused when it has ended, Busy while somebody is at it.
    """
    ledger = open_ledger(places, clock)
    desk = open_desk(number, ledger, places, clock, SshSignatures())
    if not open_runs(ledger, desk.dossier):
        return cancel(desk, reason)
    with held(ledger, resources.of_change(desk.estate.name, number), number):
        scene = make_scene(read_dossier(ledger, number), ledger, places, clock)
        problems = _close_open_runs(scene, fit_reason(reason), watcher)
    return Decided(number, ChangeState.FAILED, (), problems)


def open_runs(ledger: Ledger, dossier: Mapping[str, Any]) -> list[str]:
    """The runs of a change that have not ended, in the order in which they began."""
    runs = [str(run["run"]) for run in dossier["runs"]]
    return [run for run in runs if not read_history(ledger, run).state]


def _refuse_open_undo(scene: ApprovedChange) -> None:
    """Raises UsageFault while an undo of the change was cut off: it is to be finished first."""
    for run in open_runs(scene.ledger, scene.dossier):
        if read_history(scene.ledger, run).phase == "undo":
            raise UsageFault(
                msg("{run} was already undoing {change} and was cut off.",
                    run=run, change=scene.change),
                untouched=msg("No host was touched."),
                next_step=msg("opsbook resume {change} goes on with its run.",
                              change=scene.change),
            )  # fmt: skip


def _close_open_runs(scene: ApprovedChange, reason: str, watcher: Watcher) -> list[Message]:
    """Close every run of the change that has not ended, as it stands."""
    problems: list[Message] = []
    for run in open_runs(scene.ledger, scene.dossier):
        history = read_history(scene.ledger, run)
        given_up = giving_up(reason, ChangeState.FAILED)
        problems += _conduct(scene, run, history, given_up, None, watcher).problems
    return problems


def _work(scene: ApprovedChange) -> ChangeWork:
    bound = scene.bound
    return change_work_for(bound.runbook, bound.estate, bound.inventory, scene.places, scene.clock)


def _carry_out(scene: ApprovedChange, number: str, work: ChangeWork, watcher: Watcher) -> RunResult:
    history = read_history(scene.ledger, number)
    undo = history.phase == "undo"
    gate = partial(before_wave, scene, number)
    conduct = _undoing(work, history) if undo else applying(work, gate)
    verifier = None if undo else verifier_of(scene.bound.runbook)
    return _conduct(scene, number, history, conduct, verifier, watcher)


def _conduct(
    scene: ApprovedChange,
    number: str,
    history: History,
    conduct: Callable[[Stage], Conduct],
    verifier: Verifier | None,
    watcher: Watcher,
) -> RunResult:
    job = _job(scene, number, history.plan)
    ports = Ports(
        scene.ledger,
        conduct,
        verifier,
        partial(testify, witnesses=scene.estate.witnesses),
        watcher,
    )
    with (
        held(scene.ledger, resources.of_run(scene.estate.name, number), number),
        stop_on_signals(job.cancelled),
    ):
        watcher.opened(number, history.plan.content)
        return Run(job, history.plan, ports, this_process(number), earlier(history)).carry_out()


def _undoing(work: ChangeWork, history: History) -> Callable[[Stage], Conduct]:
    return undoing(work, whole=history.plan.content["undoes_all"])


def _job(scene: ApprovedChange, number: str, plan: Plan) -> Job:
    return Job(
        run=number,
        estate=scene.estate,
        inventory=scene.bound.inventory,
        runbook=scene.bound.runbook,
        parameters=plan.parameters,
        places=scene.places,
        clock=scene.clock,
        started=scene.at,
        cancelled=threading.Event(),
        deadline=scene.clock.monotonic() + duration(scene.bound.runbook.timeout).total_seconds(),
        change=scene.change,
        plans=plan.host_plans,
        closes=closes(plan.content["window"], load_calendars(scene.estate), scene.at),
    )
