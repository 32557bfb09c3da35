"""What the ledger already knows of a run: its plan, and how far an earlier process came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opsbook.ledger.port import Ledger
from opsbook.lifecycle.conduct.progress import Progress
from opsbook.lifecycle.plan import Plan
from opsbook.model.canonical import digest
from opsbook.model.errors import IntegrityFault, UsageFault
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome


@dataclass(slots=True)
class History:
    """A run as its events tell it.

    ``directory`` is where its estate was read; ``phase`` is apply or undo.
    """

    directory: str
    plan: Plan
    requested_by: Mapping[str, Any]
    holder: Mapping[str, Any]
    phase: str = "apply"
    progress: Progress = field(default_factory=Progress)

    @property
    def state(self) -> str:
        """How the run ended; empty while it has not."""
        return self.progress.state

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """What became of the hosts that have an end, as it stands."""
        return self.progress.outcomes


def read_history(ledger: Ledger, run: str) -> History:
    """Replay the events of ``run``.

    Raises UsageFault when there is no such run or it never had a plan, IntegrityFault when the
    plan in the ledger does not have the digest it was opened with.
    """
    history: History | None = None
    last: datetime | None = None
    for event in ledger.events(run=run) if run else ():
        payload = event.payload or {}
        if event.kind == "run.opened":
            history = _opened(run, payload)
        elif history is not None:
            if event.kind == "run.resumed":
                history.holder = payload["holder"]
            elif last is not None:  # what lies before a resume is nobody's work
                history.progress.seconds += max(0.0, (event.at - last).total_seconds())
            history.progress.follow(event.kind, event.host, payload)
        last = event.at
    if history is None:
        raise UsageFault(
            msg("There is no run {run} with a plan.", run=run),
            next_step=msg("opsbook records list shows the runs."),
        )
    return history


def earlier(history: History | None) -> Progress:
    """How far earlier processes of a run came; nowhere for one that was just opened."""
    return history.progress if history else Progress()


def reopening(history: History) -> list[str]:
    """What ``run.resumed`` says under ``reopened``: the hosts that are taken again."""
    return history.progress.to_reopen(history.plan.hosts)


def changed_hosts(history: History) -> list[str]:
    """The hosts that an undo of this run has to bring back."""
    return history.progress.carrying_changes(history.plan.hosts)


def _opened(run: str, payload: Mapping[str, Any]) -> History:
    if "plan" not in payload:
        raise UsageFault(msg("The plan of {run} was pruned after its retention.", run=run))
    plan = Plan(payload["plan"], digest(payload["plan"]))
    if plan.digest != payload["plan_digest"]:
        raise IntegrityFault(msg("The plan of {run} does not match its digest.", run=run))
    return History(
        payload["directory"],
        plan,
        payload["requested_by"],
        payload["holder"],
        str(payload.get("phase", "apply")),
    )


def refuse_ended(run: str, history: History) -> None:
    """Raises UsageFault when the run has ended: there is nothing to go on with."""
    if history.state:
        raise UsageFault(
            msg("{run} has ended; there is nothing to resume.", run=run),
            next_step=msg("opsbook records show {run} shows how it ended.", run=run),
        )
