"""Going on with any run: a routine one, one of a change, or the change's undo."""

from __future__ import annotations

from opsbook.ledger.store import open_ledger
from opsbook.lifecycle.admission import read_dossier
from opsbook.lifecycle.applying import open_run_of, resume_change
from opsbook.lifecycle.enveloped import resume_standard
from opsbook.lifecycle.history import read_history
from opsbook.lifecycle.request import RunResult, Watcher
from opsbook.lifecycle.service import resume_run
from opsbook.model.clock import Clock
from opsbook.model.places import Places


def resume(number: str, places: Places, clock: Clock, watcher: Watcher) -> RunResult:
    """Go on with run ``number``, or with the run of change ``number`` that has not ended.

    Raises UsageFault when there is nothing to go on with, and what carrying out raises.
    """
    ledger = open_ledger(places, clock)
    run = open_run_of(ledger, read_dossier(ledger, number)) if number.startswith("CHG-") else number
    plan = read_history(ledger, run).plan.content
    if plan.get("under"):
        return resume_standard(run, places, clock, watcher)
    if plan.get("change"):
        return resume_change(run, places, clock, watcher)
    return resume_run(run, places, clock, watcher)
