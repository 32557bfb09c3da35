"""ScriptedWork: work on hosts whose behaviour is written down beforehand, host by host.

    work = ScriptedWork({"web2": Script(Outcome.FAILED), "db1": Script(delay=30)})

A host without a script is ok at once. Hosts run in threads of their own, as real work does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from opsbook.execution.work import HostReport, Job, Sink
from opsbook.model.estate import Host
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Script:
    """How one host behaves.

    ``delay`` seconds pass between start and end; a cancelled run ends the wait at once, and the
    host is then left without a report, as a killed process would leave it. ``crash_before`` and
    ``crash_after`` are called before the work is done and between the work and its report: let
    them raise for a bug of ours, or kill the process.
    """

    outcome: Outcome = Outcome.OK
    delay: float = 0.0
    tasks: tuple[str, ...] = ("scripted task",)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    deviations: tuple[Message, ...] = ()
    crash_before: Callable[[], None] | None = None
    crash_after: Callable[[], None] | None = None


class ScriptedWork:
    """A :class:`opsbook.execution.work.Work` that touches nothing.

    ``performed`` lists hosts in the order in which their work was really done: a host named
    twice was done twice. With ``remembers`` finished work is found again by ``examine``, as a
    procedure with its own store does; without it every host is done again, as a playbook is.
    """

    def __init__(
        self,
        scripts: Mapping[str, Script] | None = None,
        *,
        remembers: bool = False,
        reports: Mapping[str, HostReport] | None = None,
    ) -> None:
        self.scripts = dict(scripts or {})
        self.remembers = remembers
        self.done: dict[str, HostReport] = dict(reports or {})
        self.performed: list[str] = []
        self.waves: list[tuple[str, ...]] = []
        self._lock = threading.Lock()

    def examine(self, host: Host, job: Job) -> HostReport | None:
        """The report of work that was done before a crash, when this work remembers."""
        return self.done.get(host.name) if self.remembers else None

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """Let every host behave as scripted; the first crash is raised when all have ended."""
        with self._lock:
            self.waves.append(tuple(host.name for host in hosts))
        with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
            endings = [pool.submit(self._one, host, job, sink) for host in hosts]
        for ending in endings:
            ending.result()

    def _one(self, host: Host, job: Job, sink: Sink) -> None:
        script = self.scripts.get(host.name, Script())
        if job.cancelled.is_set():
            return
        if script.outcome not in _NEVER_STARTED:
            sink.started(host.name, "apply")
        if script.crash_before:
            script.crash_before()
        if job.cancelled.wait(script.delay):
            return
        report = self._work(host, script, sink)
        if script.crash_after:
            script.crash_after()
        sink.finished(report)

    def _work(self, host: Host, script: Script, sink: Sink) -> HostReport:
        for name in script.tasks if script.outcome not in _NEVER_STARTED else ():
            sink.task(host.name, name, str(script.outcome), {"changed": False, "seconds": 0.0})
        report = HostReport(
            host.name,
            script.outcome,
            msg("scripted: {outcome}", outcome=str(script.outcome)),
            script.evidence,
            script.deviations,
        )
        with self._lock:
            self.performed.append(host.name)
            self.done[host.name] = report
        return report


_NEVER_STARTED = (Outcome.SKIPPED, Outcome.REFUSED, Outcome.NOT_STARTED)
