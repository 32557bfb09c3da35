"""Surveys of hosts as the module ``patching_survey`` gives them, made on the spot."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from doubles.clock import START, FakeClock
from doubles.ledger import MemoryLedger
from opsbook.domains.patching.knowledge.store import Knowledge
from opsbook.domains.patching.planner import PackagePlanner
from opsbook.execution.work import Job
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan
from opsbook.model.runbook import Runbook

Json = dict[str, Any]

HOST_NOW = int(START.timestamp())
MIB = 2**20
SPACE = [
    {"path": path, "mount": "/", "free": 4096 * MIB}
    for path in ("/var/cache/apt/archives", "/var/lib/dpkg", "/usr", "/boot", "/var/lib/opsbook")
]


def candidate(package: str, before: str, after: str, **more: Any) -> Json:
    """A row of ``candidates``; give ``why`` for one that is kept back."""
    return {
        "package": package,
        "arch": "amd64",
        "from": before,
        "to": after,
        "source": package,
        "origin": "Debian",
        "suite": "stable-security",
        "label": "Debian-Security",
        "security": True,
        "size": MIB,
        "installed_delta": 1024,
        "sha256": hashlib.sha256(f"{package} {after}".encode()).hexdigest(),
    } | more


def survey(*candidates: Mapping[str, Any], **more: Any) -> Json:
    """A sound host on which each of ``candidates`` is installed at its ``from``."""
    installed = [
        {"package": one["package"], "arch": one["arch"], "version": one["from"],
         "source": one["source"]}
        for one in candidates
    ]  # fmt: skip
    undo = [
        {"package": one["package"], "arch": one["arch"], "version": one["from"], "how": "repack"}
        for one in candidates
    ]
    return {
        "schema": "opsbook.patching-survey/1",
        "manager": "apt",
        "os": {"id": "debian", "version_id": "12", "codename": "bookworm",
               "name": "Debian GNU/Linux 12 (bookworm)", "support_end": None},
        "arch": "amd64",
        "now": HOST_NOW,
        "installed": [
            {"package": "base-files", "arch": "amd64", "version": "12.4+deb12u5"}, *installed
        ],
        "candidates": [one for one in candidates if not one.get("why")],
        "kept_back": [one for one in candidates if one.get("why")],
        "undo": undo,
        "lists": {"newest": HOST_NOW - 3600},
        "package_manager": {"interrupted": False},
        "space": SPACE,
        "boot": {"running": "6.1.0-30-amd64", "newest": "6.1.0-30-amd64"},
        "units": [{"unit": "ssh.service", "state": "active", "sub": "running"}],
        "listeners": [{"protocol": "tcp", "address": "0.0.0.0", "port": 22, "process": "sshd"}],
    } | more  # fmt: skip


def installed_at(data: Mapping[str, Any], **versions: str) -> Json:
    """The survey ``data`` with other installed versions, and no candidate for those."""
    names = {name.replace("_", "-"): version for name, version in versions.items()}
    rows = [
        row | {"version": names.get(row["package"], row["version"])} for row in data["installed"]
    ]
    left = [row for row in data["candidates"] if row["package"] not in names]
    return dict(data) | {"installed": rows, "candidates": left}


def estate() -> Estate:
    """A small estate."""
    return Estate.model_validate(
        {"schema": 1, "name": "small", "title": {"zh": "小", "en": "Small"}, "timezone": "UTC"}
    )


def runbook(restore_point: str = "undo_bundle") -> Runbook:
    """A runbook that patches."""
    words = {"zh": "试", "en": "Try"}
    return Runbook.model_validate(
        {
            "schema": 1,
            "name": "patching",
            "title": words,
            "purpose": words,
            "class": "normal",
            "risk": {"level": "medium", "why": words},
            "restore_point": {"kind": restore_point, "why": words},
            "work": {"playbook": "playbook.yml", "survey": "survey.yml",
                     "planner": "patching.packages"},
            "undo": {"kind": "playbook", "why": words, "playbook": "undo.yml"},
            "predicted_duration": "10m",
            "timeout": "2h",
            "method": words,
            "tools": [],
            "records": [],
        }
    )  # fmt: skip


class Scene:
    """A planner over doubles: ledger and clock in memory, knowledge below ``state``."""

    def __init__(self, state: Path, now: datetime = START) -> None:
        self.state = state
        self.clock = FakeClock(now)
        self.ledger = MemoryLedger(self.clock)
        self.knowledge = Knowledge.of(Places(state))
        self.planner = PackagePlanner(lambda: self.ledger, self.knowledge, self.clock)

    def job(
        self,
        hosts: Mapping[str, Mapping[str, Any]],
        *,
        plans: Mapping[str, HostPlan] | None = None,
        restore_point: str = "undo_bundle",
        closes: datetime | None = None,
        **parameters: Any,
    ) -> Job:
        """A job on ``hosts`` (name -> variables)."""
        found = tuple(
            Host(name, name, python=variables.get("opsbook_python", True), vars=variables)
            for name, variables in hosts.items()
        )
        return Job(
            run="RUN-20261121-001",
            change="CHG-20261121-001",
            estate=estate(),
            inventory=Inventory(found, "sha256:0", self.state / "known_hosts"),
            runbook=runbook(restore_point),
            parameters=parameters,
            places=Places(self.state),
            clock=self.clock,
            started=self.clock.now(),
            cancelled=threading.Event(),
            plans=plans or {},
            closes=closes,
        )

    def plan(self, data: Mapping[str, Any], **parameters: Any) -> HostPlan:
        """The plan of one host with this survey."""
        job = self.job({"web1": {}}, **parameters)
        found = self.planner.settle({"web1": data}, job)["web1"]
        if isinstance(found, HostPlan):
            return found
        raise found

    def again(self, plan: HostPlan, data: Mapping[str, Any]) -> HostPlan:
        """What an approved plan comes to on a host with this survey."""
        job = self.job({plan.host: {}}, plans={plan.host: plan})
        found = self.planner.settle({plan.host: data}, job)[plan.host]
        if isinstance(found, HostPlan):
            return found
        raise found
