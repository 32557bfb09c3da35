"""The plan of a run: canonical JSON of what will be done, where, with which code."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.lifecycle.parameters import Setting
from opsbook.model.canonical import digest
from opsbook.model.clock import stamp
from opsbook.model.estate import Estate, Inventory
from opsbook.model.plan import HostPlan
from opsbook.model.runbook import Runbook, Waves

PLAN_SCHEMA = "opsbook.plan/1"


@dataclass(frozen=True, slots=True)
class Plan:
    """``content`` is JSON; ``digest`` is ``sha256:...`` over its canonical form (RFC 8785)."""

    content: Mapping[str, Any]
    digest: str

    @property
    def hosts(self) -> list[str]:
        """The hosts, in the order they are taken."""
        return list(self.content["hosts"])

    @property
    def host_plans(self) -> dict[str, HostPlan]:
        """What is foreseen on each host; empty for a routine run."""
        planned = self.content.get("host_plans", {})
        return {host: HostPlan.from_json(host, data) for host, data in planned.items()}

    @property
    def waves(self) -> Waves:
        """How hosts are taken."""
        return Waves.model_validate(self.content["waves"])

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameter values by name."""
        return {name: entry["value"] for name, entry in self.content["parameters"].items()}


def make_plan(
    estate: Estate,
    runbook: Runbook,
    inventory: Inventory,
    settings: Mapping[str, Setting],
    *,
    limit: str | None,
    code_digest: str,
    versions: Mapping[str, str],
) -> Plan:
    """The plan of a routine run. It is not signed: routine runs only read."""
    content = common(
        estate,
        runbook,
        inventory,
        settings,
        limit=limit,
        code_digest=code_digest,
        versions=versions,
    )
    return Plan(content, digest(content))


def common(
    estate: Estate,
    runbook: Runbook,
    inventory: Inventory,
    settings: Mapping[str, Setting],
    *,
    limit: str | None,
    code_digest: str,
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """What every plan of a runbook says."""
    return {
        "schema": PLAN_SCHEMA,
        "estate": named(estate),
        "runbook": describe(runbook),
        "code_digest": code_digest,
        "versions": dict(versions),
        "inventory_digest": inventory.digest,
        "limit": limit or "",
        "hosts": [host.name for host in inventory.hosts],
        "parameters": {
            name: {"value": setting.value, "source": setting.source}
            for name, setting in settings.items()
        },
        "waves": runbook.waves.model_dump(),
    }


def to_approve(
    kind: str, estate: Estate, reason: str, at: datetime, expires: datetime, policy_digest: str
) -> dict[str, Any]:
    """What every plan that is to be approved says, made at ``at`` under the policy of that digest.

    Its number comes with :func:`opsbook.lifecycle.numbering.keep_plan`. It names no host yet.
    """
    return {
        "schema": PLAN_SCHEMA,
        "kind": kind,
        "change": "",
        "estate": named(estate),
        "reason": reason,
        "emergency": None,
        "made": stamp(at),
        "expires": stamp(expires),
        "nonce": secrets.token_hex(16),
        "policy_digest": policy_digest,
        "limit": "",
        "hosts": [],
        "host_plans": {},
    }


def named(estate: Estate) -> dict[str, Any]:
    """What a reader of a plan must know of the estate."""
    return {
        "name": estate.name,
        "title": estate.title.model_dump(),
        "timezone": estate.timezone,
    }


def describe(runbook: Runbook) -> dict[str, Any]:
    """What a reader of the plan must know about the runbook, in words."""
    return {
        "name": runbook.name,
        "title": runbook.title.model_dump(),
        "class": str(runbook.class_),
        "risk": runbook.risk.model_dump(),
        "method": runbook.method.model_dump(),
        "tools": [tool.model_dump() for tool in runbook.tools],
        "undo": runbook.undo.model_dump(),
        "restore_point": runbook.restore_point.model_dump(),
        "predicted_duration": runbook.predicted_duration,
        "records": list(runbook.records),
    }


def unfinished(plan_hosts: Sequence[str], finished: Sequence[str]) -> list[str]:
    """Hosts of the plan that have not finished, in the plan's order."""
    done = set(finished)
    return [host for host in plan_hosts if host not in done]
