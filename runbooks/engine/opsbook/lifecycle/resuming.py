"""Going on with any run that was cut off or stopped, or giving it up as it stands."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from opsbook.execution.declared.declarations import load_estate, load_runbook
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.work import Job
from opsbook.ledger import resources
from opsbook.ledger.dossier import read_dossier
from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger, this_process
from opsbook.ledger.witness import testify
from opsbook.lifecycle.change.applying import open_runs, resume_change
from opsbook.lifecycle.conduct.carrying import held
from opsbook.lifecycle.conduct.givingup import giving_up
from opsbook.lifecycle.conduct.history import earlier, read_history, refuse_ended
from opsbook.lifecycle.conduct.run import Run
from opsbook.lifecycle.conduct.stage import Ports
from opsbook.lifecycle.envelope.enveloped import resume_standard
from opsbook.lifecycle.reasons import fit_reason
from opsbook.lifecycle.request import RunResult, Watcher
from opsbook.lifecycle.service import resume_run
from opsbook.model.clock import Clock
from opsbook.model.errors import UsageFault
from opsbook.model.message import msg
from opsbook.model.places import Places


def resume(number: str, places: Places, clock: Clock, watcher: Watcher) -> RunResult:
    """Go on with run ``number``, or with the run of change ``number`` that has not ended.

    Raises UsageFault when there is nothing to go on with, and what carrying out raises.
    """
    ledger = open_ledger(places, clock)
    run = _open_run(ledger, number) if number.startswith("CHG-") else number
    history = read_history(ledger, run)
    refuse_ended(run, history)
    plan = history.plan.content
    if plan.get("under"):
        return resume_standard(run, places, clock, watcher)
    if plan.get("change"):
        return resume_change(run, places, clock, watcher)
    return resume_run(run, places, clock, watcher)


def give_up(number: str, reason: str, places: Places, clock: Clock, watcher: Watcher) -> RunResult:
    """Close run ``number`` as it stands: one that only reads, or one under an envelope.

    Every host that is left has its end on record; no host is touched. Raises UsageFault when the
    run has ended or is of a change, which is what is to be cancelled; Busy while it is at work.
    """
    ledger = open_ledger(places, clock)
    history = read_history(ledger, number)
    refuse_ended(number, history)
    plan, conduct = history.plan, giving_up(fit_reason(reason), None)
    _refuse_of_change(number, plan.content)
    estate = load_estate(history.directory, places)
    runbook = load_runbook(plan.content["runbook"]["name"])
    inventory = load_inventory(estate, places, plan.content["limit"] or runbook.targets)
    stopped, started = threading.Event(), clock.now()
    job = Job(
        number, estate, inventory, runbook, plan.parameters, places, clock, started, stopped,
        change=plan.content.get("change", ""), plans=plan.host_plans,
        enveloped=bool(plan.content.get("under")),
    )  # fmt: skip
    witnessing = partial(testify, witnesses=estate.witnesses)
    with held(ledger, resources.of_run(estate.name, number), number):
        watcher.opened(number, plan.content)
        ports = Ports(ledger, conduct, None, witnessing, watcher)
        return Run(job, plan, ports, this_process(number), earlier(history)).carry_out()


def _refuse_of_change(number: str, plan: Mapping[str, Any]) -> None:
    if plan.get("change") and not plan.get("under"):
        raise UsageFault(
            msg("{run} is the run of {change}.", run=number, change=plan["change"]),
            untouched=msg("Nothing was closed."),
            next_step=msg("opsbook cancel {change} --reason REASON", change=plan["change"]),
        )


def _open_run(ledger: Ledger, change: str) -> str:
    """The run of ``change`` that began last and has not ended."""
    found = open_runs(ledger, read_dossier(ledger, change))
    if not found:
        raise UsageFault(
            msg("{change} has no run that was cut off or stopped.", change=change),
            next_step=msg("opsbook records show {change} shows where it stands.", change=change),
        )
    return found[-1]
