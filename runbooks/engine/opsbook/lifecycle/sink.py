"""Turns what work says into events under the host's fence, exactly once per host."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from opsbook.execution.work import HostReport, Job
from opsbook.ledger.port import Lease, Ledger
from opsbook.lifecycle.request import Watcher
from opsbook.model.errors import Refused
from opsbook.model.event import NewEvent
from opsbook.model.outcome import Outcome


class LedgerSink:
    """A :class:`opsbook.execution.work.Sink` that writes the ledger and tells the watcher.

    ``outcomes`` holds the hosts that have finished, also those of before a resume.
    """

    def __init__(
        self, job: Job, ledger: Ledger, watcher: Watcher, outcomes: dict[str, Outcome]
    ) -> None:
        self.outcomes = outcomes
        self.begun: dict[str, float] = {}
        self._job = job
        self._ledger = ledger
        self._watcher = watcher
        self._leases: dict[str, Lease] = {}
        self._waiting: list[NewEvent] = []
        self._lock = threading.RLock()

    def hold(self, host: str, lease: Lease) -> None:
        """Write about ``host`` under ``lease`` from now on."""
        self._leases[host] = lease

    def let_go(self) -> list[Lease]:
        """The leases held so far, to be released; nothing may be written under them after."""
        leases, self._leases = list(self._leases.values()), {}
        return leases

    def started(self, host: str, phase: str) -> None:
        """Record that a phase begins, before it begins."""
        self.begun.setdefault(host, self._job.clock.monotonic())
        self._append(self._event("host.started", host, {"phase": phase}))
        self._watcher.host_started(host, phase)

    def progress(self, host: str, done: int, total: int | None) -> None:
        """Only shown."""
        self._watcher.progress(host, done, total)

    def task(self, host: str, name: str, status: str, detail: Mapping[str, Any]) -> None:
        """Record a step; it becomes durable with the next fact that has to be."""
        payload = {"name": name, "status": status, "detail": dict(detail)}
        self.defer(self._event("host.task", host, payload))

    def prepared(self, host: str, material: Mapping[str, Any]) -> None:
        """Record what undo has to work with, before anything is written on the host."""
        self._append(self._event("host.prepared", host, material))

    def finished(self, report: HostReport) -> None:
        """Record the host's end once; a second report for the same host changes nothing."""
        with self._lock:
            if report.host in self.outcomes:
                return
            self._append(self._event("host.finished", report.host, self._payload(report)))
            self.outcomes[report.host] = report.outcome
        self._watcher.host_finished(report)

    def write(self, event: NewEvent) -> None:
        """Append an event of the run, after everything that was said before it."""
        self._append(event)

    def defer(self, event: NewEvent) -> None:
        """Append an event together with the next one that has to be durable."""
        with self._lock:
            self._waiting.append(event)

    def event(self, kind: str, payload: Mapping[str, Any], host: str = "") -> NewEvent:
        """An event of this run; about a host it carries the host's fence."""
        return self._event(kind, host, payload)

    def _payload(self, report: HostReport) -> dict[str, Any]:
        begun = self.begun.get(report.host)
        seconds = 0.0 if begun is None else round(self._job.clock.monotonic() - begun, 3)
        return {
            "outcome": str(report.outcome),
            "summary": report.summary.to_json(),
            "evidence": dict(report.evidence),
            "deviations": [deviation.to_json() for deviation in report.deviations],
            "seconds": seconds,
        }

    def _event(self, kind: str, host: str, payload: Mapping[str, Any]) -> NewEvent:
        lease = self._leases.get(host)
        fence = lease.fence if lease else None
        return NewEvent(kind, self._job.estate.name, self._job.run, host, payload, fence)

    def _append(self, event: NewEvent) -> None:
        """Append what waits and ``event``; losing a lease stops the whole run, not one host."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            try:
                self._ledger.append([*waiting, event])
            except Refused:
                self._job.cancelled.set()
                raise
