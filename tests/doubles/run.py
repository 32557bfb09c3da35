"""A small estate and everything a run needs, held in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from doubles.clock import FakeClock
from opsbook.execution.work import HostReport, Job
from opsbook.ledger.port import Holder
from opsbook.lifecycle.parameters import Setting
from opsbook.lifecycle.plan import Plan, make_plan
from opsbook.lifecycle.request import RunResult, Watcher
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.places import Places
from opsbook.model.runbook import Runbook, duration

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
BOTH = {"zh": "文", "en": "text"}

ESTATE = Estate.model_validate(
    {"schema": 1, "name": "small", "title": BOTH, "timezone": "Asia/Shanghai"}
)


def runbook(**changes: Any) -> Runbook:
    """A routine runbook with a playbook; ``changes`` replace keys of the declaration."""
    declared = {
        "schema": 1,
        "name": "look",
        "title": BOTH,
        "purpose": BOTH,
        "class": "routine",
        "risk": {"level": "low", "why": BOTH},
        "restore_point": {"kind": "none", "why": BOTH},
        "work": {"playbook": "playbook.yml"},
        "undo": {"kind": "none", "why": BOTH},
        "predicted_duration": "1m",
        "method": BOTH,
        "tools": [],
        "records": [],
    }
    return Runbook.model_validate(declared | changes)


def inventory(*names: str) -> Inventory:
    """Hosts of these names on documentation addresses."""
    hosts = tuple(Host(name, f"192.0.2.{n}") for n, name in enumerate(names, 1))
    return Inventory(hosts, "sha256:00", Path("/nonexistent/known_hosts"))


def plan_for(book: Runbook, hosts: Inventory, **parameters: str | int | bool) -> Plan:
    """The plan of a run of ``book`` on all ``hosts``."""
    settings = {name: Setting(value, "command line") for name, value in parameters.items()}
    return make_plan(
        ESTATE, book, hosts, settings, limit=None, code_digest="sha256:c0de", versions={}
    )


def job_for(run: str, book: Runbook, hosts: Inventory, clock: FakeClock) -> Job:
    """A job that nothing has cancelled."""
    return Job(
        run=run,
        estate=ESTATE,
        inventory=hosts,
        runbook=book,
        parameters={},
        places=Places(Path("/nonexistent")),
        clock=clock,
        started=NOW,
        cancelled=threading.Event(),
        deadline=clock.monotonic() + duration(book.timeout).total_seconds(),
    )


def holder(run: str, pid: int = 1) -> Holder:
    """A process that holds leases."""
    return Holder(run, pid, 1, "boot")


class Witnessed(Watcher):
    """A watcher that remembers what it saw."""

    def __init__(self) -> None:
        self.reports: list[HostReport] = []
        self.results: list[RunResult] = []

    def host_finished(self, report: HostReport) -> None:
        """Keep the report."""
        self.reports.append(report)

    def closed(self, result: RunResult) -> None:
        """Keep the result."""
        self.results.append(result)


def no_witness(checkpoint: object) -> Sequence[Any]:
    """An estate without witnesses has nothing that could fail."""
    return ()
