"""From the events of a run to its record (fields in :mod:`opsbook.model.record`). Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from opsbook.ledger.moments import local_moment, zone_of
from opsbook.model.event import Event
from opsbook.model.exits import Exit
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome, RunState
from opsbook.model.record import SCHEMA

PROJECTED = (
    "run.opened",
    "run.resumed",
    "run.interrupted",
    "run.closed",
    "run.refused",
    "run.missed",
    "run.deviation",
    "host.started",
    "host.prepared",
    "host.finished",
    "host.verified",
    "host.examined",
    "host.undone",
    "run.stopped",
    "wave.started",
    "wave.finished",
    "lease.recovered",
    "clock.backwards",
)
"""Kinds of events a record is made of."""


def project(events: Iterable[Event], base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The record that ``events`` of one run (kinds :data:`PROJECTED`, in order) amount to.

    ``base`` is the record that was sealed before ``events``: those it was made of may have lost
    their payloads meanwhile.
    """
    projection = _Projection(base)
    for event in events:
        projection.take(event)
    return projection.record


class _Projection:
    """A record being put together; one method per kind of event."""

    def __init__(self, base: Mapping[str, Any] | None) -> None:
        self.record = _empty() if base is None else copy.deepcopy(dict(base))
        self._hosts: dict[str, dict[str, Any]] = {h["name"]: h for h in self.record["hosts"]}
        self._zone = zone_of(self.record["when"]["timezone"])

    def take(self, event: Event) -> None:
        payload = event.payload or {}
        if not self.record["ledger"]["first"]:
            self._begin(event, payload)
        self.record["ledger"]["last"] = event.seq
        self.record["ledger"]["head"] = event.hash.hex()
        getattr(self, "_" + event.kind.replace(".", "_"))(event, payload)

    def _begin(self, event: Event, payload: Mapping[str, Any]) -> None:
        plan = payload.get("plan") or {}
        estate = plan.get("estate") or {}
        zone = str(estate.get("timezone") or payload.get("timezone") or "UTC")
        self._zone = zone_of(zone)
        record = self.record
        record["run"] = event.run
        record["ledger"]["first"] = event.seq
        record["estate"] = {"name": event.estate, "title": None, "timezone": zone} | estate
        record["when"]["timezone"] = zone
        record["when"]["opened"] = self._moment(event.at)
        record["who"] = dict(payload.get("requested_by") or {})

    def _run_opened(self, event: Event, payload: Mapping[str, Any]) -> None:
        plan = payload.get("plan") or {}
        self._planned_runbook(plan.get("runbook"))
        for name in ("code_digest", "versions", "inventory_digest", "limit", "parameters"):
            self.record[name] = plan.get(name, self.record[name])
        self.record["plan_digest"] = payload.get("plan_digest")
        self.record["change"] = plan.get("change") or None
        self.record["phase"] = str(payload.get("phase", "apply"))
        for host in plan.get("hosts", ()):
            self._host(str(host))["planned"] = (plan.get("host_plans") or {}).get(host)

    def _planned_runbook(self, runbook: Any) -> None:
        known = runbook if isinstance(runbook, Mapping) else {"name": runbook}
        self.record["runbook"] |= known

    def _run_stopped(self, event: Event, payload: Mapping[str, Any]) -> None:
        """The failure budget was used up, or a window ended: what is left can be resumed."""
        self._deviation(event, payload.get("problem"))

    def _run_resumed(self, event: Event, payload: Mapping[str, Any]) -> None:
        for name in payload.get("reopened") or ():
            self._reopen(self._host(str(name)))
        by = dict(payload.get("requested_by") or {})
        self.record["when"]["resumed"].append({"at": self._moment(event.at), "by": by})
        self.record["state"] = RunState.RUNNING.value

    def _reopen(self, host: dict[str, Any]) -> None:
        """What became of the host so far stays on record; it is taken again."""
        former = {name: host[name] for name in _OF_AN_ATTEMPT}
        host["earlier"].append(former)
        host |= {name: _empty_host("")[name] for name in _OF_AN_ATTEMPT} | {"outcome": None}

    def _wave_started(self, event: Event, payload: Mapping[str, Any]) -> None:
        wave = {"number": payload.get("number"), "hosts": list(payload.get("hosts") or ())}
        begun = {"at": self._moment(event.at), "seconds": {}}
        self.record["waves"].append(wave | begun)

    def _wave_finished(self, event: Event, payload: Mapping[str, Any]) -> None:
        for wave in self.record["waves"]:
            if wave["number"] == payload.get("number"):
                wave["seconds"] = dict(payload.get("seconds") or {})

    def _run_interrupted(self, event: Event, payload: Mapping[str, Any]) -> None:
        self.record["when"]["interrupted"].append(self._moment(event.at))
        self.record["state"] = RunState.INTERRUPTED.value

    def _run_closed(self, event: Event, payload: Mapping[str, Any]) -> None:
        record = self.record
        record["state"] = str(payload.get("state", RunState.CLOSED.value))
        record["exit"] = payload.get("exit")
        record["counts"] = dict(payload.get("counts") or {})
        record["versions"] = dict(payload.get("versions") or record["versions"])
        record["when"]["closed"] = self._moment(event.at)
        record["when"]["seconds"] = payload.get("seconds")

    def _run_refused(self, event: Event, payload: Mapping[str, Any]) -> None:
        self.record["state"] = RunState.REFUSED.value
        self.record["exit"] = payload.get("exit", int(Exit.REFUSED))
        self.record["refusal"] = payload.get("problem")
        self._ended_without_work(event, payload)

    def _run_missed(self, event: Event, payload: Mapping[str, Any]) -> None:
        self.record["state"] = RunState.MISSED.value
        self.record["missed"] = dict(payload)
        self._ended_without_work(event, payload)

    def _ended_without_work(self, event: Event, payload: Mapping[str, Any]) -> None:
        """Such a run may have no plan; the event then tells what it knows of the runbook."""
        known = {
            key: payload[name]
            for key, name in (("name", "runbook"), ("title", "title"), ("class", "class"))
            if payload.get(name) is not None
        }
        self.record["runbook"] |= known
        self.record["when"]["closed"] = self._moment(event.at)

    def _run_deviation(self, event: Event, payload: Mapping[str, Any]) -> None:
        self._deviation(event, payload.get("message"))

    def _clock_backwards(self, event: Event, payload: Mapping[str, Any]) -> None:
        fact = msg(
            "The clock of the control host went back from {last} to {now}.",
            last=payload.get("last"), now=payload.get("now"),
        )  # fmt: skip
        self._deviation(event, fact.to_json())

    def _deviation(self, event: Event, message: Any) -> None:
        self.record["deviations"].append({"at": self._moment(event.at), "message": message})

    def _lease_recovered(self, event: Event, payload: Mapping[str, Any]) -> None:
        self.record["recoveries"].append({"at": self._moment(event.at)} | dict(payload))

    def _host_started(self, event: Event, payload: Mapping[str, Any]) -> None:
        host = self._host(event.host)
        if host["started"] is None:
            host["started"] = self._moment(event.at)
            host["outcome"] = None

    def _host_finished(self, event: Event, payload: Mapping[str, Any]) -> None:
        host = self._host(event.host)
        for name in ("outcome", "summary", "evidence", "deviations", "seconds"):
            host[name] = payload.get(name, host[name])
        host["finished"] = self._moment(event.at)

    def _host_prepared(self, event: Event, payload: Mapping[str, Any]) -> None:
        self._host(event.host)["prepared"] = {"at": self._moment(event.at)} | dict(payload)

    def _host_undone(self, event: Event, payload: Mapping[str, Any]) -> None:
        """A host that had changed and was brought back is neither changed nor failed."""
        host = self._host(event.host)
        host["undone"] = {"at": self._moment(event.at)} | dict(payload)
        if host["outcome"] in ("changed", None):
            back = payload.get("outcome") in ("ok", "changed")
            host["outcome"] = (Outcome.UNDONE if back else Outcome.FAILED).value

    def _host_examined(self, event: Event, payload: Mapping[str, Any]) -> None:
        host = self._host(event.host)
        host["examined"].append({"at": self._moment(event.at)} | dict(payload))

    def _host_verified(self, event: Event, payload: Mapping[str, Any]) -> None:
        host = self._host(event.host)
        host["verification"] = dict(payload)
        if payload.get("failed"):
            host["outcome"] = Outcome.FAILED.value

    def _host(self, name: str) -> dict[str, Any]:
        if name not in self._hosts:
            self._hosts[name] = _empty_host(name)
            self.record["hosts"].append(self._hosts[name])
        return self._hosts[name]

    def _moment(self, at: datetime) -> dict[str, str]:
        return local_moment(at, self._zone)


_OF_AN_ATTEMPT = (
    "outcome",
    "summary",
    "evidence",
    "verification",
    "prepared",
    "examined",
    "undone",
    "deviations",
    "started",
    "finished",
    "seconds",
)
"""Fields of a host that begin anew when it is taken again."""


def _empty() -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "run": "",
        "change": None,
        "phase": "apply",
        "state": RunState.RUNNING.value,
        "exit": None,
        "who": {},
        "when": {
            "opened": None,
            "closed": None,
            "resumed": [],
            "interrupted": [],
            "seconds": None,
            "timezone": "UTC",
        },
        "runbook": {"name": "", "class": None, "title": None, "method": None, "tools": []},
        "code_digest": None,
        "versions": {},
        "estate": {},
        "limit": "",
        "inventory_digest": None,
        "parameters": {},
        "plan_digest": None,
        "counts": {},
        "waves": [],
        "hosts": [],
        "deviations": [],
        "recoveries": [],
        "refusal": None,
        "missed": None,
        "ledger": {"first": 0, "last": 0, "head": ""},
    }


def _empty_host(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "outcome": Outcome.NOT_STARTED.value,
        "summary": None,
        "evidence": {},
        "verification": None,
        "planned": None,
        "prepared": None,
        "examined": [],
        "undone": None,
        "deviations": [],
        "started": None,
        "finished": None,
        "seconds": None,
        "earlier": [],
    }
