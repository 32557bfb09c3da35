"""PlaybookWork: a runbook's playbook through Ansible, its script where no Python is."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from opsbook.execution.ansible.call import Play, play
from opsbook.execution.declared.vault import masker_of
from opsbook.execution.reach.scripted import ScriptWork
from opsbook.execution.work import HostReport, Job, Sink
from opsbook.model.estate import Host


class PlaybookWork:
    """A :class:`opsbook.execution.work.Work`; one object may serve several waves."""

    def examine(self, host: Host, job: Job) -> HostReport | None:
        """Always None: a playbook of class routine only reads, so it is done again."""
        return None

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """Hosts with Python through Ansible, the others by script, both at the same time."""
        with_python = [host for host in hosts if host.python]
        others = [host for host in hosts if not host.python]
        with ThreadPoolExecutor(1) as pool:
            scripts = pool.submit(ScriptWork().perform, others, job, sink) if others else None
            if with_python:
                _by_ansible(with_python, job, sink)
            if scripts:
                scripts.result()


def _by_ansible(hosts: Sequence[Host], job: Job, sink: Sink) -> None:
    forks = min(len(hosts), job.runbook.waves.cap)
    asked = Play(job.runbook.work.playbook or "", hosts, forks)
    for report in play(asked, job, sink, masker_of(job.estate)).values():
        sink.finished(report)
