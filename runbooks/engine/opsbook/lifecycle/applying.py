"""Applying an approved change, going on with it, and undoing it.

The change's lease is held from the first look at the dossier to the end of the run, so that two
terminals never apply, sign or cancel the same change at once. The nonce is spent in the same
transaction that opens the run: ``change.begun`` happens once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from opsbook.approval.signatures import Signatures, SshSignatures
from opsbook.calendars.load import load_calendars
from opsbook.execution.declared.declarations import load_estate, load_runbook
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.requester import requester
from opsbook.execution.work import Job
from opsbook.ledger import resources
from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger, this_process
from opsbook.ledger.witness import testify
from opsbook.lifecycle.admission import Bound, admit, read_dossier
from opsbook.lifecycle.carrying import day_of, held, stop_on_signals, verifier_of
from opsbook.lifecycle.changing import applying
from opsbook.lifecycle.history import History, changed_hosts, earlier, read_history, reopening
from opsbook.lifecycle.plan import Plan
from opsbook.lifecycle.policies import adopt_policy
from opsbook.lifecycle.refusal import record_refusal
from opsbook.lifecycle.request import Origin, RunResult, Watcher
from opsbook.lifecycle.run import Ports, Run
from opsbook.lifecycle.timing import closed
from opsbook.lifecycle.undoing import undoing
from opsbook.lifecycle.works import change_work_for
from opsbook.model.canonical import digest
from opsbook.model.change import ChangeState
from opsbook.model.clock import Clock
from opsbook.model.errors import OpsbookError, Refused, UsageFault
from opsbook.model.estate import Estate
from opsbook.model.event import NewEvent
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.runbook import duration


@dataclass(frozen=True, slots=True)
class Scene:
    """A change about to be carried out; ``at`` is the one reading of the clock."""

    places: Places
    clock: Clock
    at: datetime
    ledger: Ledger
    bound: Bound
    dossier: Mapping[str, Any]
    signatures: Signatures

    @property
    def estate(self) -> Estate:
        """The estate of the change."""
        return self.bound.estate

    @property
    def change(self) -> str:
        """The change's number."""
        return str(self.dossier["change"])

    @property
    def plan(self) -> Plan:
        """The approved plan."""
        return Plan(self.dossier["plan"], self.dossier["plan_digest"])


def apply_change(
    number: str, places: Places, clock: Clock, watcher: Watcher, *, origin: Origin = "terminal"
) -> RunResult | None:
    """Carry out an approved change; None when it was a change of policy, which has no run.

    Raises UsageFault when there is no such change, Busy while somebody else is at it, Refused
    when anything is not as approved or nothing may begin now (recorded as a refused run).
    """
    ledger = open_ledger(places, clock)
    estate_name = read_dossier(ledger, number)["plan"]["estate"]["name"]
    with held(ledger, resources.of_change(estate_name, number), number):
        dossier = read_dossier(ledger, number)
        if dossier["kind"] == "policy":
            adopt_policy(dossier, ledger, places, clock, SshSignatures())
            return None
        scene = _scene(dossier, ledger, places, clock)
        who = requester(origin, None, os.environ)
        _refusing(scene, who, partial(_admit, scene, (ChangeState.APPROVED,)))
        _refusing(scene, who, partial(_refuse_closed, scene))
        run = ledger.open_run(day_of(scene.estate, scene.at), partial(_opening, scene, who))
        return _carry_out(scene, run, read_history(ledger, run), watcher)


def resume_change(number: str, places: Places, clock: Clock, watcher: Watcher) -> RunResult:
    """Go on with the run of a change (or its undo) that was stopped or whose process died.

    ``number`` is that of the run. Raises what applying raises.
    """
    ledger = open_ledger(places, clock)
    history = read_history(ledger, number)
    change = history.plan.content["change"]
    with held(ledger, resources.of_change(history.plan.content["estate"]["name"], change), number):
        scene = _scene(read_dossier(ledger, change), ledger, places, clock)
        who = requester("terminal", None, os.environ)
        if history.phase == "apply":
            allowed = (ChangeState.APPLYING, ChangeState.STOPPED)
            _refusing(scene, who, partial(_admit, scene, allowed))
        return _carry_out(scene, number, _resumed(scene, number, who), watcher)


def undo_change(
    number: str, limit: str | None, places: Places, clock: Clock, watcher: Watcher
) -> RunResult:
    """Bring back every host that the change changed, or those of them that ``limit`` leaves.

    Undoing was approved with the plan; it is not bound to the window. Raises UsageFault when
    there is nothing to undo.
    """
    ledger = open_ledger(places, clock)
    estate_name = read_dossier(ledger, number)["plan"]["estate"]["name"]
    with held(ledger, resources.of_change(estate_name, number), number):
        scene = _scene(read_dossier(ledger, number), ledger, places, clock, limit)
        plan = _undo_plan(scene, limit)
        who = requester("terminal", None, os.environ)
        opening = partial(_opening_undo, scene, who, plan)
        run = ledger.open_run(day_of(scene.estate, scene.at), opening)
        return _carry_out(scene, run, read_history(ledger, run), watcher)


def _scene(
    dossier: Mapping[str, Any],
    ledger: Ledger,
    places: Places,
    clock: Clock,
    limit: str | None = None,
) -> Scene:
    plan = dossier["plan"]
    if dossier["kind"] != "runbook":
        raise UsageFault(
            msg("{change} plans no work on hosts.", change=dossier["change"]),
            next_step=msg("opsbook plan explain {change} says what it is.",
                          change=dossier["change"]),
        )  # fmt: skip
    estate = load_estate(dossier["directory"], places)
    runbook = load_runbook(plan["runbook"]["name"])
    inventory = load_inventory(estate, places, limit or plan["limit"] or runbook.targets)
    bound = Bound(estate, runbook, inventory)
    return Scene(places, clock, clock.now(), ledger, bound, dossier, SshSignatures())


def _admit(scene: Scene, allowed: Sequence[ChangeState]) -> None:
    admit(scene.dossier, scene.bound, scene.ledger, scene.signatures, scene.at, allowed)


def _refuse_closed(scene: Scene) -> None:
    """Raises Refused when the first wave could not begin now."""
    problem = _closed(scene, scene.at, scene.plan.hosts[:1])
    if problem is not None:
        raise Refused(problem, untouched=msg("No host was touched."))


def _closed(scene: Scene, at: datetime, hosts: Sequence[str]) -> Message | None:
    """Why no wave of ``hosts`` may begin at ``at``: window, freeze, cut-off."""
    calendars = load_calendars(load_estate(scene.dossier["directory"], scene.places))
    return closed(scene.dossier["plan"], calendars, at, _needs(scene, hosts))


def _needs(scene: Scene, hosts: Sequence[str]) -> timedelta:
    """The predicted duration of a wave: its hosts are served at the same time."""
    plans = scene.plan.host_plans
    return timedelta(seconds=max((plans[host].seconds for host in hosts), default=0))


def _before_wave(scene: Scene, hosts: Sequence[str]) -> Message | None:
    """The gate before every wave: nothing that was approved has changed, and it is time.

    Raises Refused when the approval no longer stands; gives the reason when it is not the time.
    """
    at = scene.clock.now()
    states = (ChangeState.APPROVED, ChangeState.APPLYING, ChangeState.STOPPED)
    admit(scene.dossier, scene.bound, scene.ledger, scene.signatures, at, states)
    return _closed(scene, at, hosts)


def _refusing(scene: Scene, who: Mapping[str, Any], check: Callable[[], None]) -> None:
    """Let ``check`` refuse; what it refuses is recorded and signed before it is told."""
    try:
        check()
    except OpsbookError as error:
        number = record_refusal(
            scene.estate, scene.bound.runbook.name, scene.ledger, scene.clock.now(), who,
            error.problem, error.exit, change=scene.change,
        )  # fmt: skip
        error.untouched = msg("No host was touched; the refusal is recorded as {run}.", run=number)
        raise


def _opening(scene: Scene, who: Mapping[str, Any], number: str) -> list[NewEvent]:
    """The run and the spending of its nonce, in one transaction."""
    begun = {"run": number, "phase": "apply", "nonce": scene.dossier["plan"]["nonce"]}
    return [
        _opened(scene, who, number, scene.plan, "apply"),
        NewEvent("change.begun", scene.estate.name, scene.change, payload=begun, once=True),
    ]


def _opening_undo(scene: Scene, who: Mapping[str, Any], plan: Plan, number: str) -> list[NewEvent]:
    begun = {"run": number, "phase": "undo", "hosts": plan.hosts}
    return [
        _opened(scene, who, number, plan, "undo"),
        NewEvent("change.undo_begun", scene.estate.name, scene.change, payload=begun),
    ]


def _opened(scene: Scene, who: Mapping[str, Any], number: str, plan: Plan, phase: str) -> NewEvent:
    payload = {
        "plan": plan.content,
        "plan_digest": plan.digest,
        "phase": phase,
        "directory": scene.dossier["directory"],
        "requested_by": dict(who),
        "holder": asdict(this_process(number)),
    }
    return NewEvent("run.opened", scene.estate.name, number, payload=payload)


def _resumed(scene: Scene, number: str, who: Mapping[str, Any]) -> History:
    """Record who goes on, and with which hosts anew."""
    history = read_history(scene.ledger, number)
    payload = {
        "requested_by": dict(who),
        "holder": asdict(this_process(number)),
        "reopened": reopening(history),
    }
    scene.ledger.append([NewEvent("run.resumed", scene.estate.name, number, payload=payload)])
    return read_history(scene.ledger, number)


def _undo_plan(scene: Scene, limit: str | None) -> Plan:
    """The approved plan for the hosts that may carry its changes and that ``limit`` leaves."""
    changed = _changed(scene)
    hosts = [host.name for host in scene.bound.inventory.hosts if host.name in changed]
    if not hosts:
        raise UsageFault(
            msg("There is nothing to undo: no such host carries changes of {change}.",
                change=scene.change),
            untouched=msg("No host was touched."),
        )  # fmt: skip
    content = {
        **scene.dossier["plan"],
        "approved_digest": scene.dossier["plan_digest"],
        "hosts": hosts,
        "limit": limit or "",
        "undoes_all": set(hosts) == changed,
    }
    return Plan(content, digest(content))


def _changed(scene: Scene) -> set[str]:
    """Hosts that the change's run has changed and no undo has brought back."""
    changed: set[str] = set()
    for run in scene.dossier["runs"]:
        history = read_history(scene.ledger, run["run"])
        if history.phase == "apply":
            changed |= set(changed_hosts(history))
        else:
            changed -= {host for host, outcome in history.outcomes.items() if outcome.good}
    return changed


def _carry_out(scene: Scene, number: str, history: History, watcher: Watcher) -> RunResult:
    job = _job(scene, number, history.plan)
    work = change_work_for(
        scene.bound.runbook, scene.estate, scene.bound.inventory, scene.places, scene.clock
    )
    undo = history.phase == "undo"
    conduct = undoing(work) if undo else applying(work, partial(_before_wave, scene))
    ports = Ports(
        scene.ledger,
        conduct,
        None if undo else verifier_of(scene.bound.runbook),
        partial(testify, witnesses=scene.estate.witnesses),
        watcher,
    )
    with (
        held(scene.ledger, resources.of_run(scene.estate.name, number), number),
        stop_on_signals(job.cancelled),
    ):
        watcher.opened(number, history.plan.content)
        return Run(job, history.plan, ports, this_process(number), earlier(history)).carry_out()


def _job(scene: Scene, number: str, plan: Plan) -> Job:
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
    )
