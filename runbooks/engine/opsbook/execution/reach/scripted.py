"""ScriptWork: a runbook's POSIX script on hosts where Ansible cannot run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from opsbook.execution.declared.declarations import runbook_directory
from opsbook.execution.masking import Masker
from opsbook.execution.reach.records import read_records
from opsbook.execution.reach.shell import Completed, HostShell, Shell
from opsbook.execution.work import HostReport, Job, Sink
from opsbook.model.errors import HostFault
from opsbook.model.estate import Host
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome

AT_ONCE = 20
"""Hosts served at the same time."""


class ScriptWork:
    """The part of a playbook's work for hosts without Python."""

    def __init__(self, shell: Shell | None = None) -> None:
        self._shell = shell

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """Run the runbook's ``without_python`` on ``hosts``; skip them when it has none."""
        name = job.runbook.work.without_python
        if name is None:
            for host in hosts:
                sink.finished(_skipped(host))
            return
        script = runbook_directory(job.runbook.name) / name
        shell = self._shell or HostShell(job.inventory, job.places)
        with ThreadPoolExecutor(min(len(hosts), AT_ONCE)) as pool:
            endings = [pool.submit(_one, host, script, shell, job, sink) for host in hosts]
        for ending in endings:
            ending.result()


def _skipped(host: Host) -> HostReport:
    return HostReport(
        host.name,
        Outcome.SKIPPED,
        msg("there is no Python on this host and the runbook has no script for such hosts"),
    )


def _one(host: Host, script: Path, shell: Shell, job: Job, sink: Sink) -> None:
    if job.cancelled.is_set():
        return
    sink.started(host.name, "apply")
    begun = job.clock.monotonic()
    try:
        done = shell.run(host, script.read_text(encoding="utf-8"), timeout=job.seconds_left)
    except HostFault as fault:
        sink.finished(HostReport(host.name, fault.outcome, fault.problem))
        return
    seconds = round(job.clock.monotonic() - begun, 3)
    status = "failed" if done.rc else "ok"
    sink.task(host.name, script.name, status, {"changed": False, "seconds": seconds})
    sink.finished(_report(host.name, script.name, done))


def _report(host: str, script: str, done: Completed) -> HostReport:
    if done.rc:
        words = Masker(()).brief(done.err.strip() or done.out.strip() or "-", 600)
        problem = msg("{script} ended with {code}: {reason}", script=script, code=done.rc,
                      reason=words)  # fmt: skip
        return HostReport(host, Outcome.FAILED, problem)
    evidence, unfit = read_records(done.out)
    strange = msg("lines of {script} that were not understood: {count}", count=unfit, script=script)
    return HostReport(
        host,
        Outcome.OK,
        msg("done, nothing changed"),
        evidence,
        (strange,) if unfit else (),
    )
