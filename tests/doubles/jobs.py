"""Estates, runbooks and jobs made on the spot, and a sink that remembers what it heard."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsbook.execution.declared.declarations import load_estate, load_runbook
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.work import HostReport, Job
from opsbook.model.clock import SystemClock
from opsbook.model.places import Places
from opsbook.model.runbook import duration

ESTATE = """\
schema: 1
name: small
title: {zh: 小, en: Small}
timezone: Asia/Shanghai
"""

RUNBOOK = """\
schema: 1
name: %(name)s
title: {zh: 试, en: Try}
purpose: {zh: 试, en: Try}
class: routine
risk: {level: low, why: {zh: 只读, en: Reads only}}
restore_point: {kind: none, why: {zh: 无, en: None}}
undo: {kind: none, why: {zh: 无, en: None}}
work: {playbook: playbook.yml}
predicted_duration: 1m
timeout: %(timeout)s
method: {zh: 试, en: Try}
tools: []
records: []
"""


@dataclass
class MemorySink:
    """A :class:`opsbook.execution.work.Sink` that keeps everything in memory."""

    begun: list[tuple[str, str]] = field(default_factory=list)
    tasks: list[tuple[str, str, str, Mapping[str, Any]]] = field(default_factory=list)
    material: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    reports: dict[str, HostReport] = field(default_factory=dict)
    on_started: threading.Event = field(default_factory=threading.Event)

    def started(self, host: str, phase: str) -> None:
        """Remember it."""
        self.begun.append((host, phase))
        self.on_started.set()

    def progress(self, host: str, done: int, total: int | None) -> None:
        """Progress is for terminals only."""

    def task(self, host: str, name: str, status: str, detail: Mapping[str, Any]) -> None:
        """Remember it; it must be JSON."""
        self.tasks.append((host, name, status, json.loads(json.dumps(detail))))

    def prepared(self, host: str, material: Mapping[str, Any]) -> None:
        """Remember it; it must be JSON."""
        self.material[host] = json.loads(json.dumps(material))

    def finished(self, report: HostReport) -> None:
        """Remember it; a host finishes once, with evidence that is JSON."""
        if report.host in self.reports:
            raise AssertionError(f"{report.host} finished twice")
        json.dumps(report.evidence)
        self.reports[report.host] = report

    def text(self) -> str:
        """All that was heard, as one text to look for secrets in."""
        words = [(r.host, r.summary.english(), r.evidence) for r in self.reports.values()]
        return json.dumps([self.tasks, words], ensure_ascii=False)


def make_estate(directory: Path, hosts: str, **files: str) -> Path:
    """An estate below ``directory`` with these ``hosts.yml`` and other files (path: content)."""
    contents = {"estate.yml": ESTATE, "hosts.yml": hosts, "known_hosts": "", **files}
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return directory


def make_runbook(
    catalog: Path, name: str, playbook: str, *, timeout: str = "5m", more: str = "", **files: str
) -> Path:
    """A user's runbook below ``catalog`` (to be named in ``OPSBOOK_RUNBOOKS``)."""
    directory = catalog / name
    declared = RUNBOOK % {"name": name, "timeout": timeout} + more
    contents = {"runbook.yml": declared, "playbook.yml": playbook, **files}
    for file, content in contents.items():
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return directory


def make_job(estate: Path, runbook: str, state: Path, **parameters: Any) -> Job:
    """A job on all hosts of the estate in ``estate``."""
    places = Places(state)
    loaded = load_estate(str(estate), places)
    clock = SystemClock()
    book = load_runbook(runbook)
    return Job(
        run="RUN-20261121-001",
        estate=loaded,
        inventory=load_inventory(loaded, places, None),
        runbook=book,
        parameters=parameters,
        places=places,
        clock=clock,
        started=clock.now(),
        cancelled=threading.Event(),
        deadline=clock.monotonic() + duration(book.timeout).total_seconds(),
    )
