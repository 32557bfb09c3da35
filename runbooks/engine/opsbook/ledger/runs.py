"""One line per run, for quick listings: folded from the run's events, never a source of truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from opsbook.ledger.chain import micros
from opsbook.ledger.port import Holder
from opsbook.model.event import Event
from opsbook.model.exits import Exit
from opsbook.model.outcome import RunState

OPENING = ("run.opened", "run.refused", "run.missed")
"""Kinds of which one is the first of every run."""

INDEXED = (*OPENING, "run.resumed", "run.interrupted", "run.closed", "run.recorded")
"""Kinds that change a run's line."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """Times are microseconds since 1970; ``recorded`` is the number of the event that keeps the
    sealed record; ``holder`` is the process that last opened or resumed the run.
    """

    run: str
    estate: str
    runbook: str
    state: str
    exit: int | None
    opened: int
    closed: int | None
    first: int
    recorded: int | None = None
    holder: Holder | None = None


def advance(line: RunLine | None, event: Event) -> RunLine | None:
    """The line after ``event``; a run whose first event opens nothing has none."""
    if line is None:
        return _begin(event) if event.kind in OPENING else None
    change = _CHANGES.get(event.kind)
    return replace(line, **change(event, event.payload or {})) if change else line


def runbook_of(plan: Mapping[str, Any]) -> str:
    """The runbook's name in a plan, which carries it as a name or as a table with ``name``."""
    runbook = plan.get("runbook", "")
    return str(runbook.get("name", "")) if isinstance(runbook, Mapping) else str(runbook)


def holder_of(data: Any) -> Holder | None:
    """A holder as kept in payloads, or None when there is none."""
    if not isinstance(data, Mapping):
        return None
    return Holder(
        str(data.get("run", "")),
        int(data.get("pid", 0)),
        int(data.get("started", 0)),
        str(data.get("boot_id", "")),
    )


def _begin(event: Event) -> RunLine:
    payload = event.payload or {}
    at = micros(event.at)
    runbook = payload.get("runbook") or runbook_of(payload.get("plan") or {})
    line = RunLine(event.run, event.estate, str(runbook), "", None, at, None, event.seq)
    if event.kind == "run.opened":
        return replace(line, state=RunState.RUNNING.value, holder=holder_of(payload.get("holder")))
    return replace(line, **_CHANGES[event.kind](event, payload))


def _refused(event: Event, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state": RunState.REFUSED.value,
        "exit": payload.get("exit", int(Exit.REFUSED)),
        "closed": micros(event.at),
    }


def _missed(event: Event, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": RunState.MISSED.value, "closed": micros(event.at)}


def _resumed(event: Event, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": RunState.RUNNING.value, "holder": holder_of(payload.get("holder"))}


def _interrupted(event: Event, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": RunState.INTERRUPTED.value}


def _closed(event: Event, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state": str(payload.get("state", RunState.CLOSED.value)),
        "exit": payload.get("exit"),
        "closed": micros(event.at),
    }


def _recorded(event: Event, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The sealed record outlives pruned payloads, so it has the last word; nobody is at work."""
    return {
        "recorded": event.seq,
        "holder": None,
        "runbook": str(payload["runbook"]["name"]),
        "state": str(payload["state"]),
        "exit": payload["exit"],
    }


_CHANGES = {
    "run.refused": _refused,
    "run.missed": _missed,
    "run.resumed": _resumed,
    "run.interrupted": _interrupted,
    "run.closed": _closed,
    "run.recorded": _recorded,
}
