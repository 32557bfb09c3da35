"""The doors of runs that nobody signs one by one: start a routine run, or one under an envelope;
resume a routine run that was cut off.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from opsbook.execution.declared.declarations import find_schedule, load_estate, load_runbook
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.provenance import code_digest, versions
from opsbook.execution.requester import requester
from opsbook.execution.work import Job, Work
from opsbook.ledger import resources
from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger, this_process
from opsbook.ledger.witness import testify
from opsbook.lifecycle.conduct.carrying import day_of, held, stop_on_signals, verifier_of
from opsbook.lifecycle.conduct.history import History, read_history, refuse_ended
from opsbook.lifecycle.conduct.progress import Progress
from opsbook.lifecycle.conduct.routine import routine
from opsbook.lifecycle.conduct.run import Run
from opsbook.lifecycle.conduct.stage import Ports
from opsbook.lifecycle.parameters import resolve
from opsbook.lifecycle.plan import Plan, make_plan
from opsbook.lifecycle.refusal import record_refusal
from opsbook.lifecycle.request import RunRequest, RunResult, Watcher
from opsbook.lifecycle.required import witness_missing
from opsbook.lifecycle.works import work_for
from opsbook.model.clock import Clock
from opsbook.model.errors import OpsbookError, Refused
from opsbook.model.estate import Estate, Inventory
from opsbook.model.event import NewEvent, deviation
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.runbook import Runbook, RunbookClass, duration


@dataclass(frozen=True, slots=True)
class _Setting:
    """Where a run takes place; ``at`` is the one reading of the clock."""

    places: Places
    clock: Clock
    at: datetime
    estate: Estate
    runbook: Runbook
    inventory: Inventory
    ledger: Ledger


def run_runbook(
    request: RunRequest,
    places: Places,
    clock: Clock,
    watcher: Watcher,
    *,
    beforehand: Callable[[Estate, Ledger], object] | None = None,
) -> RunResult:
    """Plan and carry out a routine run, or one of a ``standard`` runbook under its envelope;
    ``beforehand`` is called once estate and ledger are open.

    Raises InputFault, UsageFault when the request is wrong (nothing is recorded: there was no
    run), Refused when policy forbids it (recorded as a refused run).
    """
    estate = load_estate(request.estate, places)
    runbook = load_runbook(request.runbook)
    if runbook.class_ is RunbookClass.STANDARD:
        from opsbook.lifecycle.envelope.enveloped import run_standard

        return run_standard(request, places, clock, watcher, told=beforehand)
    scheduled = find_schedule(estate, request.schedule) if request.schedule else None
    settings = resolve(runbook, request.settings, scheduled.parameters if scheduled else {})
    limit = scheduled.limit if scheduled and request.limit is None else request.limit
    at = clock.now()
    who = requester(request.origin, request.schedule, os.environ)
    ledger = open_ledger(places, clock)
    if beforehand is not None:
        beforehand(estate, ledger)
    _refuse_by_policy(estate, runbook, ledger, at, who)
    inventory = load_inventory(estate, places, runbook.targets if limit is None else limit)
    setting = _Setting(places, clock, at, estate, runbook, inventory, ledger)
    plan = make_plan(
        estate,
        runbook,
        inventory,
        settings,
        limit=limit,
        code_digest=code_digest(runbook.name),
        versions=versions(),
    )
    work = _work_or_refusal(setting, who)
    number = ledger.open_run(day_of(estate, at), partial(_opening, estate, plan, who))
    with held(ledger, resources.of_run(estate.name, number), number):
        watcher.opened(number, plan.content)
        return _carry_out(setting, number, plan, work, watcher, Progress())


def resume_run(number: str, places: Places, clock: Clock, watcher: Watcher) -> RunResult:
    """Go on with a run that was interrupted or whose process died.

    Changes of code or inventory since then are told as deviations: a routine run only reads.
    Raises UsageFault when there is nothing to resume, Busy while its process is alive.
    """
    ledger = open_ledger(places, clock)
    history = read_history(ledger, number)
    refuse_ended(number, history)
    estate = load_estate(history.directory, places)
    runbook = load_runbook(history.plan.content["runbook"]["name"])
    inventory = load_inventory(estate, places, history.plan.content["limit"] or runbook.targets)
    setting = _Setting(places, clock, clock.now(), estate, runbook, inventory, ledger)
    with held(ledger, resources.of_run(estate.name, number), number):
        _note_resume(setting, number, history)
        watcher.opened(number, history.plan.content)
        history.progress.follow("run.resumed", "", {})
        work = _work(setting)
        return _carry_out(setting, number, history.plan, work, watcher, history.progress)


def _carry_out(
    setting: _Setting,
    number: str,
    plan: Plan,
    work: Work,
    watcher: Watcher,
    so_far: Progress,
) -> RunResult:
    job = Job(
        run=number,
        estate=setting.estate,
        inventory=setting.inventory,
        runbook=setting.runbook,
        parameters=plan.parameters,
        places=setting.places,
        clock=setting.clock,
        started=setting.at,
        cancelled=threading.Event(),
        deadline=setting.clock.monotonic() + duration(setting.runbook.timeout).total_seconds(),
    )
    ports = Ports(
        setting.ledger,
        routine(work),
        verifier_of(setting.runbook),
        partial(testify, witnesses=setting.estate.witnesses),
        watcher,
    )
    with stop_on_signals(job.cancelled):
        return Run(job, plan, ports, this_process(number), so_far).carry_out()


def _work(setting: _Setting) -> Work:
    s = setting
    return work_for(s.runbook, s.estate, s.inventory, s.places, s.clock)


def _work_or_refusal(setting: _Setting, who: Mapping[str, Any]) -> Work:
    """The work; where it cannot even be prepared (a store that is a file), a refused run."""
    try:
        return _work(setting)
    except OpsbookError as error:
        s = setting
        record_refusal(s.estate, s.runbook.name, s.ledger, s.at, who, error.problem, error.exit)
        raise


def _opening(estate: Estate, plan: Plan, who: Mapping[str, Any], number: str) -> list[NewEvent]:
    payload = {
        "plan": plan.content,
        "plan_digest": plan.digest,
        "directory": str(estate.directory.absolute()),
        "requested_by": dict(who),
        "holder": asdict(this_process(number)),
    }
    return [NewEvent("run.opened", estate.name, number, payload=payload)]


def _note_resume(setting: _Setting, number: str, history: History) -> None:
    """Record who goes on; what is different since the run was opened is a deviation."""
    who = requester("terminal", None, os.environ)
    payload = {"requested_by": who, "holder": asdict(this_process(number))}
    events = [NewEvent("run.resumed", setting.estate.name, number, payload=payload)]
    changed = _changed_since(setting, history)
    events += [deviation(setting.estate.name, number, message) for message in changed]
    setting.ledger.append(events)


def _changed_since(setting: _Setting, history: History) -> list[Message]:
    """A routine run only reads, so a change since its opening is told, not refused."""
    found = []
    if code_digest(setting.runbook.name) != history.plan.content["code_digest"]:
        found.append(msg("The code of the runbook or of opsbook changed before the run went on."))
    if setting.inventory.digest != history.plan.content["inventory_digest"]:
        found.append(msg("The inventory changed before the run went on."))
    return found


def _refuse_by_policy(
    estate: Estate, runbook: Runbook, ledger: Ledger, at: datetime, who: Mapping[str, Any]
) -> None:
    problem: Message | None = None
    if runbook.class_ is not RunbookClass.ROUTINE:
        problem = msg(
            "{runbook} is of class {kind}: it changes hosts and cannot be run without approval.",
            runbook=runbook.name, kind=str(runbook.class_),
        )  # fmt: skip
    else:
        problem = witness_missing(estate)
    if problem is None:
        return
    recorded = record_refusal(estate, runbook.name, ledger, at, who, problem, Exit.REFUSED)
    raise Refused(
        problem,
        untouched=recorded.untouched,
    )
