"""From the events of a change to its dossier (fields in :mod:`opsbook.model.change`). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from opsbook.ledger.moments import local_moment, zone_of
from opsbook.model.change import SCHEMA, STANDS, ChangeState, until_of
from opsbook.model.clock import unstamp
from opsbook.model.event import Event

KINDS = (
    "change.planned",
    "change.signed",
    "change.approved",
    "change.rejected",
    "change.cancelled",
    "change.expired",
    "change.revoked",
    "change.refused",
    "change.begun",
    "change.undo_begun",
    "change.ended",
    "change.reviewed",
)
"""Kinds of events a dossier is made of."""


def project_change(events: Iterable[Event]) -> dict[str, Any] | None:
    """The dossier that ``events`` of one change (in order) amount to; None without a plan."""
    folding = _Folding()
    for event in events:
        if event.kind in KINDS:
            folding.take(event)
    return folding.dossier if folding.dossier["change"] else None


def as_of(dossier: dict[str, Any], now: datetime) -> dict[str, Any]:
    """``dossier`` as it is at ``now``: what stands ends by itself, without any event."""
    until = until_of(dossier["plan"])
    if dossier["state"] != ChangeState.STANDING or not until or now < unstamp(until):
        return dossier
    return dossier | {"state": str(ChangeState.ENDED)}


class _Folding:
    """A dossier being put together; one method per kind of event."""

    def __init__(self) -> None:
        self.dossier = _empty()
        self._zone = ZoneInfo("UTC")

    def take(self, event: Event) -> None:
        payload = event.payload or {}
        ledger = self.dossier["ledger"]
        ledger["first"] = ledger["first"] or event.seq
        ledger["last"], ledger["head"] = event.seq, event.hash.hex()
        getattr(self, "_" + event.kind.partition(".")[2])(event, payload)

    def _planned(self, event: Event, payload: Mapping[str, Any]) -> None:
        plan = payload.get("plan") or {}
        self._zone = zone_of(str((plan.get("estate") or {}).get("timezone") or "UTC"))
        emergency = plan.get("emergency")
        self.dossier |= {
            "change": event.run,
            "kind": plan.get("kind", "runbook"),
            "plan": plan,
            "plan_digest": payload.get("plan_digest"),
            "directory": payload.get("directory", ""),
            "requested_by": dict(payload.get("requested_by") or {}),
            "planned": self._moment(event.at),
            "expires": plan.get("expires"),
            "emergency": emergency,
            "review": {"due": True, "done": None} if emergency else None,
        }

    def _signed(self, event: Event, payload: Mapping[str, Any]) -> None:
        self.dossier["statements"].append({"at": self._moment(event.at)} | dict(payload))

    def _approved(self, event: Event, payload: Mapping[str, Any]) -> None:
        standing = self.dossier["kind"] in STANDS
        self._become(ChangeState.STANDING if standing else ChangeState.APPROVED)
        self.dossier["approved"] = self._moment(event.at)

    def _rejected(self, event: Event, payload: Mapping[str, Any]) -> None:
        self._end(ChangeState.REJECTED, "rejected", event, payload)

    def _cancelled(self, event: Event, payload: Mapping[str, Any]) -> None:
        self._end(ChangeState.CANCELLED, "cancelled", event, payload)

    def _revoked(self, event: Event, payload: Mapping[str, Any]) -> None:
        self._end(ChangeState.REVOKED, "cancelled", event, payload)

    def _expired(self, event: Event, payload: Mapping[str, Any]) -> None:
        self._end(ChangeState.EXPIRED, "expired", event, payload)

    def _refused(self, event: Event, payload: Mapping[str, Any]) -> None:
        self.dossier["refusals"].append({"at": self._moment(event.at)} | dict(payload))

    def _begun(self, event: Event, payload: Mapping[str, Any]) -> None:
        self._run(event, payload, "apply")
        if self.dossier["kind"] == "runbook":
            self._become(ChangeState.APPLYING)

    def _undo_begun(self, event: Event, payload: Mapping[str, Any]) -> None:
        self._run(event, payload, "undo")

    def _run(self, event: Event, payload: Mapping[str, Any], phase: str) -> None:
        begun = {"run": payload.get("run"), "phase": phase, "at": self._moment(event.at)}
        self.dossier["runs"].append(begun | {"state": "running", "exit": None})

    def _ended(self, event: Event, payload: Mapping[str, Any]) -> None:
        """How a run under the change ended, or was interrupted; ``becomes`` is the new state."""
        for run in self.dossier["runs"]:
            if run["run"] == payload.get("run"):
                run |= {"state": payload.get("state"), "exit": payload.get("exit")}
                if run["phase"] == "undo":
                    done = [*self.dossier["undone"], *(payload.get("done") or ())]
                    self.dossier["undone"] = list(dict.fromkeys(done))
        if payload.get("becomes"):
            self._become(ChangeState(payload["becomes"]))

    def _reviewed(self, event: Event, payload: Mapping[str, Any]) -> None:
        done = {"at": self._moment(event.at)} | dict(payload)
        self.dossier["review"] = {"due": False, "done": done}

    def _end(
        self, state: ChangeState, field: str, event: Event, payload: Mapping[str, Any]
    ) -> None:
        self._become(state)
        self.dossier[field] = {"at": self._moment(event.at)} | dict(payload)

    def _become(self, state: ChangeState) -> None:
        self.dossier["state"] = str(state)

    def _moment(self, at: datetime) -> dict[str, str]:
        return local_moment(at, self._zone)


def _empty() -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "change": "",
        "state": str(ChangeState.PLANNED),
        "kind": "runbook",
        "plan": {},
        "plan_digest": None,
        "directory": "",
        "requested_by": {},
        "planned": None,
        "expires": None,
        "emergency": None,
        "statements": [],
        "approved": None,
        "rejected": None,
        "cancelled": None,
        "expired": None,
        "refusals": [],
        "runs": [],
        "undone": [],
        "review": None,
        "ledger": {"first": 0, "last": 0, "head": ""},
    }
