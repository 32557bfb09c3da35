"""Going on with any run: a routine one, one of a change, or the change's undo."""

from __future__ import annotations

from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger
from opsbook.lifecycle.change.applying import open_runs, resume_change
from opsbook.lifecycle.conduct.history import read_history, refuse_ended
from opsbook.lifecycle.dossier import read_dossier
from opsbook.lifecycle.envelope.enveloped import resume_standard
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


def _open_run(ledger: Ledger, change: str) -> str:
    """The run of ``change`` that began last and has not ended."""
    found = open_runs(ledger, read_dossier(ledger, change))
    if not found:
        raise UsageFault(
            msg("{change} has no run that was cut off or stopped.", change=change),
            next_step=msg("opsbook records show {change} shows where it stands.", change=change),
        )
    return found[-1]
