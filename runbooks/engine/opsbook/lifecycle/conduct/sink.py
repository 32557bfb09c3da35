"""Turns what work says into events under the host's fence, exactly once per host."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opsbook.execution.work import HostReport, Job
from opsbook.ledger.port import Lease, Ledger
from opsbook.lifecycle.conduct.progress import Progress
from opsbook.lifecycle.request import Watcher
from opsbook.model.errors import Refused
from opsbook.model.event import NewEvent
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome


class LedgerSink:
    """A :class:`opsbook.execution.work.Sink` that writes the ledger and tells the watcher.

    ``so_far`` follows every event that is durable, also those of before a resume; ``clocked``
    says since when (monotonic seconds) a host has been at work.
    """

    def __init__(self, job: Job, ledger: Ledger, watcher: Watcher, progress: Progress) -> None:
        self.so_far = progress
        self.clocked: dict[str, float] = {}
        self._job = job
        self._ledger = ledger
        self._watcher = watcher
        self._leases: dict[str, Lease] = {}
        self._waiting: list[NewEvent] = []
        self._lock = threading.RLock()

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """The hosts that have an end."""
        return self.so_far.outcomes

    def hold(self, host: str, lease: Lease) -> None:
        """Write about ``host`` under ``lease`` from now on."""
        self._leases[host] = lease

    def let_go(self) -> list[Lease]:
        """The leases held so far, to be released; nothing may be written under them after."""
        leases, self._leases = list(self._leases.values()), {}
        return leases

    def started(self, host: str, phase: str) -> None:
        """Record that a phase begins, before it begins."""
        self.clocked.setdefault(host, self._job.clock.monotonic())
        self.write(self.event("host.started", {"phase": phase}, host))
        self._watcher.host_started(host, phase)

    def progress(self, host: str, done: int, total: int | None) -> None:
        """Only shown."""
        self._watcher.progress(host, done, total)

    def task(self, host: str, name: str, status: str, detail: Mapping[str, Any]) -> None:
        """Record a step; it becomes durable with the next fact that has to be."""
        payload = {"name": name, "status": status, "detail": dict(detail)}
        self.defer(self.event("host.task", payload, host))

    def prepared(self, host: str, material: Mapping[str, Any]) -> None:
        """Record what undo has to work with, before anything is written on the host."""
        self.write(self.event("host.prepared", material, host))

    def finished(self, report: HostReport) -> None:
        """Record the host's end once; a second report for the same host changes nothing."""
        with self._lock:
            if report.host in self.outcomes:
                return
            self.write(self.event("host.finished", self._payload(report), report.host))
        self._watcher.host_finished(report)

    def undone(self, report: HostReport) -> None:
        """Record how bringing a host back ended."""
        self.write(self.event("host.undone", self._payload(report), report.host))
        became = self.outcomes.get(report.host, report.outcome)
        back = report.outcome in (Outcome.OK, Outcome.CHANGED)
        what = msg("brought back: {what}", what=report.summary)
        if not back:
            what = msg("could not be brought back: {what}", what=report.summary)
        self._watcher.host_finished(replace(report, outcome=became, summary=what))

    def write(self, *events: NewEvent) -> None:
        """Append what waits and ``events`` whole; losing a lease stops the whole run, not one
        host: raises Refused then.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, []
            try:
                self._ledger.append([*waiting, *events])
            except Refused:
                self._job.cancelled.set()
                raise
            for event in (*waiting, *events):
                if event.run == self._job.run:
                    self.so_far.follow(event.kind, event.host, event.payload)

    def defer(self, event: NewEvent) -> None:
        """Append an event together with the next one that has to be durable."""
        with self._lock:
            self._waiting.append(event)

    def event(self, kind: str, payload: Mapping[str, Any], host: str = "") -> NewEvent:
        """An event of this run; about a host it carries the host's fence."""
        lease = self._leases.get(host)
        fence = lease.fence if lease else None
        return NewEvent(kind, self._job.estate.name, self._job.run, host, payload, fence)

    def _payload(self, report: HostReport) -> dict[str, Any]:
        begun = self.clocked.get(report.host)
        seconds = 0.0 if begun is None else round(self._job.clock.monotonic() - begun, 3)
        return {
            "outcome": str(report.outcome),
            "summary": report.summary.to_json(),
            "evidence": dict(report.evidence),
            "deviations": [deviation.to_json() for deviation in report.deviations],
            "seconds": seconds,
        }
