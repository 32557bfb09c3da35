"""Statistics of changes over a span of time, from events alone. Pure.

GB/T 28827.1-2012, 9.7, asks of change management: how many changes, by kind, how many without
approval and their share, how many that failed or were cancelled, and the configuration items they
are linked with. The fields::

    estate, from, to      the span, RFC 3339; events at ``to`` no longer belong to it
    changes   planned within the span, as they stood at its end
              total, by_class, by_kind, by_state, by_runbook, emergency, review_due,
              failed, cancelled, rejected, expired, undone, revoked; partly_undone: on some of
              the hosts, in whatever state
    runs      opened within the span: routine, applied, undone, under_envelope, changing
    refused   attempts within the span that were refused
    unapproved  number, share (of changing), runs: those that changed hosts while nothing that was
              approved stood for them
    hosts     linked (in plans of the span's changes), changed (by the span's runs)

A run is *changing* when it prepared or changed a host, and belongs as such to the span in which it
did so first. What was pruned is counted as ``unknown``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opsbook.ledger.changes import KINDS, as_of, project_change
from opsbook.model.change import ChangeState
from opsbook.model.clock import stamp, unstamp
from opsbook.model.event import Event
from opsbook.model.outcome import Outcome

COUNTED = (*KINDS, "run.opened", "run.refused", "host.prepared", "host.finished")
"""Kinds of events that the statistics are made of."""

UNKNOWN = "unknown"

_ENDS_APPROVAL = ("change.rejected", "change.cancelled", "change.expired", "change.revoked")
_COUNTED_STATES = (
    ChangeState.FAILED, ChangeState.CANCELLED, ChangeState.REJECTED, ChangeState.EXPIRED,
    ChangeState.UNDONE, ChangeState.REVOKED,
)  # fmt: skip


@dataclass(slots=True)
class _Opened:
    """A run; ``approved``: something approved stood for it when it was opened. ``changed`` are the
    hosts it changed within the span, ``first`` when it changed the first one.
    """

    run: str
    at: datetime
    phase: str
    change: str
    envelope: bool
    approved: bool
    known: bool
    changed: set[str] = field(default_factory=set)
    first: datetime | None = None


@dataclass(slots=True)
class _Tally:
    """What has been seen so far, in the order of the ledger."""

    start: datetime
    end: datetime
    changes: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    planned: list[str] = field(default_factory=list)
    approved: dict[str, datetime] = field(default_factory=dict)
    expires: dict[str, datetime] = field(default_factory=dict)
    runs: dict[str, _Opened] = field(default_factory=dict)
    refused: int = 0

    def take(self, event: Event) -> None:
        """Count one event; those after the span do not exist yet."""
        if event.at >= self.end:
            return
        if event.kind in KINDS:
            self._of_change(event)
        elif event.kind == "run.opened":
            self._opened(event)
        elif event.kind == "run.refused":
            self.refused += event.at >= self.start
        else:
            self._of_host(event)

    def _of_change(self, event: Event) -> None:
        self.changes[event.run].append(event)
        if event.kind == "change.planned":
            plan = (event.payload or {}).get("plan") or {}
            if plan.get("expires"):
                self.expires[event.run] = unstamp(plan["expires"])
            if event.at >= self.start:
                self.planned.append(event.run)
        elif event.kind == "change.approved":
            self.approved[event.run] = event.at
        elif event.kind in _ENDS_APPROVAL:
            self.approved.pop(event.run, None)

    def _opened(self, event: Event) -> None:
        payload = event.payload or {}
        plan = payload.get("plan") or {}
        change = str(plan.get("change") or "")
        self.runs[event.run] = _Opened(
            run=event.run,
            at=event.at,
            phase=str(payload.get("phase", "apply")),
            change=change,
            envelope=bool(plan.get("under")),
            approved=self._stands(change, str(payload.get("phase", "apply")), event.at),
            known=event.payload is not None,
        )

    def _stands(self, change: str, phase: str, at: datetime) -> bool:
        """Undoing was approved with the plan and does not run out."""
        if change not in self.approved:
            return False
        ends = self.expires.get(change)
        return phase == "undo" or ends is None or at < ends

    def _of_host(self, event: Event) -> None:
        run = self.runs.get(event.run)
        if run is None:
            return
        outcome = (event.payload or {}).get("outcome")
        if event.kind == "host.prepared" or outcome == Outcome.CHANGED:
            run.first = run.first or event.at
            if event.at >= self.start:
                run.changed.add(event.host)


def statistics(
    events: Iterable[Event], start: datetime, end: datetime, estate: str
) -> dict[str, Any]:
    """The statistics of ``estate`` from all ``events`` of kinds :data:`COUNTED`, in order."""
    tally = _Tally(start, end)
    for event in events:
        if event.estate == estate:
            tally.take(event)
    dossiers = list(_dossiers(tally))
    return {
        "estate": estate,
        "from": stamp(start),
        "to": stamp(end),
        "changes": _changes(dossiers),
        "runs": _runs(tally),
        "refused": tally.refused,
        "unapproved": _unapproved(tally),
        "hosts": {
            "linked": len({host for dossier in dossiers for host in _linked(dossier)}),
            "changed": len({host for run in tally.runs.values() for host in run.changed}),
        },
    }


def _dossiers(tally: _Tally) -> Iterator[dict[str, Any]]:
    for number in tally.planned:
        dossier = project_change(tally.changes[number])
        if dossier is not None:
            yield as_of(dossier, tally.end)


def _changes(dossiers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    found = list(dossiers)
    states = Counter(str(dossier["state"]) for dossier in found)
    works = [dossier for dossier in found if dossier["kind"] == "runbook"]
    due = (d for d in found if d["review"] is not None and d["review"]["due"])
    return {
        "total": len(found),
        "by_class": _counts(_about(dossier, "class") for dossier in works),
        "by_kind": _counts(str(dossier["kind"]) for dossier in found),
        "by_state": dict(sorted(states.items())),
        "by_runbook": _counts(_about(dossier, "name") for dossier in works),
        "emergency": sum(dossier["emergency"] is not None for dossier in found),
        "review_due": sum(1 for _ in due),
        "partly_undone": sum(bool(d["undone"]) and d["state"] != ChangeState.UNDONE for d in found),
        **{str(state): states[str(state)] for state in _COUNTED_STATES},
    }


def _counts(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _about(dossier: Mapping[str, Any], key: str) -> str:
    return str((dossier["plan"].get("runbook") or {}).get(key) or UNKNOWN)


def _changing(tally: _Tally) -> list[_Opened]:
    return [run for run in tally.runs.values() if run.first and run.first >= tally.start]


def _runs(tally: _Tally) -> dict[str, int]:
    runs = [run for run in tally.runs.values() if run.at >= tally.start]
    of_changes = [run for run in runs if run.change]
    return {
        "total": len(runs),
        "routine": sum(run.known and not run.change for run in runs),
        "applied": sum(run.phase == "apply" and not run.envelope for run in of_changes),
        "undone": sum(run.phase == "undo" for run in of_changes),
        "under_envelope": sum(run.envelope for run in of_changes),
        "changing": len(_changing(tally)),
        UNKNOWN: sum(not run.known for run in runs),
    }


def _unapproved(tally: _Tally) -> dict[str, Any]:
    changing = _changing(tally)
    found = [run.run for run in changing if run.known and not run.approved]
    share = round(len(found) / len(changing), 4) if changing else 0.0
    return {"number": len(found), "share": share, "runs": found}


def _linked(dossier: Mapping[str, Any]) -> Iterator[str]:
    if dossier["kind"] == "runbook":
        yield from map(str, dossier["plan"].get("hosts") or ())
