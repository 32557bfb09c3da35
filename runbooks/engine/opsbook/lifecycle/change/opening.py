"""How runs of a change begin on record: the first time, going on, and its undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from opsbook.approval.inforce import policy_in_force
from opsbook.approval.verdicts import unknown_requester
from opsbook.execution.provenance import inputs, inputs_changed
from opsbook.ledger.store import this_process
from opsbook.lifecycle.change.approved import ApprovedChange
from opsbook.lifecycle.conduct.history import History, changed_hosts, read_history, reopening
from opsbook.lifecycle.plan import Plan
from opsbook.model.canonical import digest
from opsbook.model.errors import UsageFault
from opsbook.model.event import NewEvent, deviation
from opsbook.model.message import msg


def opening(scene: ApprovedChange, who: Mapping[str, Any], number: str) -> list[NewEvent]:
    """The run and the spending of its nonce: one transaction."""
    begun = {"run": number, "phase": "apply", "nonce": scene.dossier["plan"]["nonce"]}
    return [
        _opened(scene, who, number, scene.plan, "apply"),
        NewEvent("change.begun", scene.estate.name, scene.change, payload=begun, once=True),
        *_unknown_requester(scene, number),
    ]


def _unknown_requester(scene: ApprovedChange, run: str) -> list[NewEvent]:
    """That nobody in the policy asked for the change, as a deviation of its run."""
    asked = scene.dossier["plan"].get("requested_by") or {}
    unknown = unknown_requester(asked, policy_in_force(scene.ledger, scene.estate))
    return [deviation(scene.estate.name, run, unknown)] if unknown else []


def _undone_otherwise(scene: ApprovedChange, run: str) -> list[NewEvent]:
    """Code and variables that are no longer as approved, as deviations of the run that undoes."""
    bound = scene.dossier["plan"]["inputs"]
    now = inputs(scene.bound.runbook.name, scene.estate, bound["variables"]["salt"])
    return [deviation(scene.estate.name, run, told) for told in inputs_changed(bound, now)]


def opening_undo(
    scene: ApprovedChange, who: Mapping[str, Any], plan: Plan, number: str
) -> list[NewEvent]:
    """The run that undoes, its place in the dossier, and what is no longer as approved."""
    begun = {"run": number, "phase": "undo", "hosts": plan.hosts}
    return [
        _opened(scene, who, number, plan, "undo"),
        NewEvent("change.undo_begun", scene.estate.name, scene.change, payload=begun),
        *_undone_otherwise(scene, number),
    ]


def _opened(
    scene: ApprovedChange, who: Mapping[str, Any], number: str, plan: Plan, phase: str
) -> NewEvent:
    payload = {
        "plan": plan.content,
        "plan_digest": plan.digest,
        "phase": phase,
        "directory": scene.dossier["directory"],
        "requested_by": dict(who),
        "holder": asdict(this_process(number)),
    }
    return NewEvent("run.opened", scene.estate.name, number, payload=payload)


def resumed(scene: ApprovedChange, number: str, who: Mapping[str, Any]) -> History:
    """Record who goes on, and with which hosts anew."""
    history = read_history(scene.ledger, number)
    payload = {
        "requested_by": dict(who),
        "holder": asdict(this_process(number)),
        "reopened": reopening(history),
    }
    scene.ledger.append([NewEvent("run.resumed", scene.estate.name, number, payload=payload)])
    return read_history(scene.ledger, number)


def undo_plan(scene: ApprovedChange, limit: str | None) -> Plan:
    """The approved plan for the hosts that may carry its changes and that ``limit`` leaves."""
    changed = _changed(scene)
    hosts = [host.name for host in scene.bound.inventory.hosts if host.name in changed]
    if not hosts:
        raise UsageFault(
            msg("There is nothing to undo: no such host carries changes of {change}.",
                change=scene.change),
            untouched=msg("No host was touched."),
        )  # fmt: skip
    content = {
        **scene.dossier["plan"],
        "approved_digest": scene.dossier["plan_digest"],
        "hosts": hosts,
        "limit": limit or "",
        "undoes_all": set(hosts) == changed,
    }
    return Plan(content, digest(content))


def _changed(scene: ApprovedChange) -> set[str]:
    """Hosts that the change's run has changed and no undo has brought back."""
    changed: set[str] = set()
    for run in scene.dossier["runs"]:
        history = read_history(scene.ledger, run["run"])
        if history.phase == "apply":
            changed |= set(changed_hosts(history))
        else:
            changed -= {host for host, outcome in history.outcomes.items() if outcome.good}
    return changed
