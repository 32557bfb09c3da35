"""Runs of ``standard`` runbooks, by hand or at night: each makes its own plan, and is carried out
only where that plan stays inside an envelope that stands.

What would step outside is refused and recorded, in the envelope's dossier too, before any host is
touched. Whether the envelope still stands is asked again before every wave, so that revoking it
ends the runs that are under way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from opsbook.calendars.load import load_calendars
from opsbook.execution.declared.declarations import find_schedule, load_estate, load_runbook
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.requester import requester
from opsbook.execution.work import Job
from opsbook.ledger import resources
from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger, this_process
from opsbook.ledger.witness import testify
from opsbook.lifecycle.change.admission import Dossier
from opsbook.lifecycle.change.planning import Scene, planning_job
from opsbook.lifecycle.conduct.carrying import day_of, held, stop_on_signals, verifier_of
from opsbook.lifecycle.conduct.changing import ApplyConduct
from opsbook.lifecycle.conduct.history import (
    History,
    earlier,
    read_history,
    refuse_ended,
    reopening,
)
from opsbook.lifecycle.conduct.run import Run
from opsbook.lifecycle.conduct.stage import Ports, Stage
from opsbook.lifecycle.envelope.within import (
    Reach,
    envelope_for,
    plan_inside,
    real_reach,
    refuse_outside,
    refusing,
)
from opsbook.lifecycle.moments import refuse_clock_gone_back
from opsbook.lifecycle.parameters import resolve
from opsbook.lifecycle.plan import Plan
from opsbook.lifecycle.request import RunRequest, RunResult, Watcher
from opsbook.lifecycle.timing import closed
from opsbook.model.change import ChangeState
from opsbook.model.clock import Clock
from opsbook.model.estate import Estate
from opsbook.model.event import NewEvent
from opsbook.model.exits import Exit
from opsbook.model.message import Message
from opsbook.model.outcome import RunState
from opsbook.model.places import Places


class EnvelopedConduct(ApplyConduct):
    """As an approved change, but the envelope stands on, whatever becomes of one run."""

    def becomes(self, state: RunState, exit_code: Exit) -> ChangeState | None:
        """The envelope stays what it is."""
        return None


def run_standard(
    request: RunRequest,
    places: Places,
    clock: Clock,
    watcher: Watcher,
    *,
    told: Callable[[Estate, Ledger], object] | None = None,
    reach: Reach | None = None,
) -> RunResult:
    """Plan and carry out a run of a ``standard`` runbook under an envelope that stands.

    ``told`` is called once estate and ledger are open. Raises InputFault and UsageFault when the
    request is wrong (nothing is recorded), Refused when no envelope stands for it or the run would
    step outside (recorded as a refused run), IntegrityFault when the ledger's tail is not sound:
    then nothing is written over it.
    """
    means = reach or real_reach()
    scene = _scene(request, places, clock)
    if told is not None:
        told(scene.estate, scene.ledger)
    who = requester(request.origin, request.schedule, os.environ)
    envelope = envelope_for(scene, who, means)
    plan = plan_inside(scene, envelope, who, means)
    number = scene.ledger.open_run(
        day_of(scene.estate, scene.at), partial(_opening, scene, envelope, plan, who)
    )
    with held(scene.ledger, resources.of_run(scene.estate.name, number), number):
        return _carry_out(scene, number, watcher, means)


def resume_standard(
    number: str, places: Places, clock: Clock, watcher: Watcher, *, reach: Reach | None = None
) -> RunResult:
    """Go on with a run under an envelope, if that still stands and the run is still inside it.

    Raises UsageFault when the run has ended, Busy while its process is alive (nothing is recorded),
    Refused when it may not go on (recorded as a refused run).
    """
    means = reach or real_reach()
    ledger = open_ledger(places, clock)
    estate = read_history(ledger, number).plan.content["estate"]["name"]
    with held(ledger, resources.of_run(estate, number), number):
        history = read_history(ledger, number)
        refuse_ended(number, history)
        scene, plan = _scene_of(history, ledger, places, clock), history.plan
        who = requester("terminal", None, os.environ)
        refusing(scene, who, plan.content["change"], partial(refuse_outside, scene, plan, means))
        ledger.append([_resumed(scene, number, history, who)])
        return _carry_out(scene, number, watcher, means)


def _scene(request: RunRequest, places: Places, clock: Clock) -> Scene:
    estate, runbook = load_estate(request.estate, places), load_runbook(request.runbook)
    scheduled = find_schedule(estate, request.schedule) if request.schedule else None
    settings = resolve(runbook, request.settings, scheduled.parameters if scheduled else {})
    limit = scheduled.limit if scheduled and request.limit is None else request.limit
    ledger, at = open_ledger(places, clock), clock.now()
    ledger.check_tail()
    refuse_clock_gone_back(ledger, at)
    inventory = load_inventory(estate, places, runbook.targets if limit is None else limit)
    return Scene(places, clock, at, estate, runbook, inventory, settings, limit, ledger)


def _scene_of(history: History, ledger: Ledger, places: Places, clock: Clock) -> Scene:
    plan = history.plan.content
    estate, runbook = load_estate(history.directory, places), load_runbook(plan["runbook"]["name"])
    inventory = load_inventory(estate, places, plan["limit"] or runbook.targets)
    at = clock.now()
    refuse_clock_gone_back(ledger, at)
    limit = plan["limit"] or None
    return Scene(places, clock, at, estate, runbook, inventory, {}, limit, ledger)


def _opening(
    scene: Scene, envelope: Dossier, plan: Plan, who: Mapping[str, Any], number: str
) -> list[NewEvent]:
    payload = {
        "plan": plan.content,
        "plan_digest": plan.digest,
        "phase": "apply",
        "directory": str(scene.estate.directory.absolute()),
        "requested_by": dict(who),
        "holder": asdict(this_process(number)),
    }
    begun = {"run": number, "phase": "apply", "nonce": plan.content["nonce"]}
    return [
        NewEvent("run.opened", scene.estate.name, number, payload=payload),
        NewEvent("change.begun", scene.estate.name, envelope["change"], payload=begun),
    ]


def _resumed(scene: Scene, number: str, history: History, who: Mapping[str, Any]) -> NewEvent:
    payload = {
        "requested_by": dict(who),
        "holder": asdict(this_process(number)),
        "reopened": reopening(history),
    }
    return NewEvent("run.resumed", scene.estate.name, number, payload=payload)


def _before_wave(scene: Scene, plan: Plan, means: Reach, hosts: Sequence[str]) -> Message | None:
    """The gate before every wave; raises Refused when the envelope stands no more."""
    now = scene.clock.now()
    refuse_clock_gone_back(scene.ledger, now)
    refuse_outside(scene, plan, means)
    plans = plan.host_plans
    needs = timedelta(seconds=max((plans[host].seconds for host in hosts), default=0))
    return _closed(scene, plan, now, needs)


def _closed(scene: Scene, plan: Plan, now: datetime, needs: timedelta) -> Message | None:
    estate = load_estate(str(scene.estate.directory), scene.places)
    return closed(plan.content, load_calendars(estate), now, needs)


def _carry_out(scene: Scene, number: str, watcher: Watcher, means: Reach) -> RunResult:
    history = read_history(scene.ledger, number)
    plan = history.plan
    job = _job(scene, number, plan)
    work = means.work(scene.runbook, scene.estate, scene.inventory, scene.places, scene.clock)
    gate = partial(_before_wave, scene, plan, means)

    def conduct(stage: Stage) -> EnvelopedConduct:
        return EnvelopedConduct(stage, work, gate)

    witnessing = partial(testify, witnesses=scene.estate.witnesses)
    ports = Ports(scene.ledger, conduct, verifier_of(scene.runbook), witnessing, watcher)
    with stop_on_signals(job.cancelled):
        watcher.opened(number, plan.content)
        return Run(job, plan, ports, this_process(number), earlier(history)).carry_out()


def _job(scene: Scene, number: str, plan: Plan) -> Job:
    return replace(
        planning_job(scene), run=number, parameters=plan.parameters,
        change=plan.content["change"], plans=plan.host_plans, enveloped=True,
    )  # fmt: skip
