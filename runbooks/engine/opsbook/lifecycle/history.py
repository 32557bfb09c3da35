"""What the ledger already knows of a run: its plan, and how far an earlier process came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsbook.ledger.port import Ledger
from opsbook.lifecycle.plan import Plan
from opsbook.model.canonical import digest
from opsbook.model.errors import IntegrityFault, UsageFault
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome


@dataclass(slots=True)
class History:
    """A run as its events tell it.

    ``directory`` is where its estate was read; ``state`` is empty while the run has not ended.
    """

    directory: str
    plan: Plan
    requested_by: Mapping[str, Any]
    holder: Mapping[str, Any]
    state: str = ""
    waves: int = 0
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    verified: dict[str, bool] = field(default_factory=dict)


def read_history(ledger: Ledger, run: str) -> History:
    """Replay the events of ``run``.

    Raises UsageFault when there is no such run or it never had a plan, IntegrityFault when the
    plan in the ledger does not have the digest it was opened with.
    """
    history: History | None = None
    for event in ledger.events(run=run) if run else ():
        payload = event.payload or {}
        if event.kind == "run.opened":
            history = _opened(run, payload)
        elif history is not None:
            _follow(history, event.kind, event.host, payload)
    if history is None:
        raise UsageFault(
            msg("There is no run {run} with a plan.", run=run),
            next_step=msg("opsbook records list shows the runs."),
        )
    return history


def _opened(run: str, payload: Mapping[str, Any]) -> History:
    if "plan" not in payload:
        raise UsageFault(msg("The plan of {run} was pruned after its retention.", run=run))
    plan = Plan(payload["plan"], digest(payload["plan"]))
    if plan.digest != payload["plan_digest"]:
        raise IntegrityFault(msg("The plan of {run} does not match its digest.", run=run))
    return History(payload["directory"], plan, payload["requested_by"], payload["holder"])


def _follow(history: History, kind: str, host: str, payload: Mapping[str, Any]) -> None:
    if kind == "run.resumed":
        history.holder = payload["holder"]
    elif kind == "wave.started":
        history.waves = payload["number"]
    elif kind == "host.finished":
        history.outcomes[host] = Outcome(payload["outcome"])
    elif kind == "host.verified":
        history.verified[host] = not payload["failed"]
    elif kind == "run.closed":
        history.state = payload["state"]
