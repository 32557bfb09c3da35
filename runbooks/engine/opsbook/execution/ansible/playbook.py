"""PlaybookWork: a runbook's playbook through ansible-runner, its script where no Python is.

Ansible gets the estate's own inventory and beside it a second one that makes it call hosts by
their inventory names, so that our ssh_config decides how each is reached. It stops on request:
first SIGTERM, because Ansible's workers are in sessions of their own and only Ansible ends them,
then SIGKILL. It does not outlive this process (prctl(2), PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from opsbook.execution.ansible.interpreters import Interpreters
from opsbook.execution.ansible.playevents import PlayEvents
from opsbook.execution.ansible.workdir import working_directory
from opsbook.execution.declared.control import ansible_command, ansible_environment
from opsbook.execution.declared.declarations import runbook_directory, ships_with_us
from opsbook.execution.declared.inventory import inventory_file
from opsbook.execution.declared.vault import vaulted_values
from opsbook.execution.masking import Masker
from opsbook.execution.privatefile import write_private
from opsbook.execution.reach.scripted import ScriptWork
from opsbook.execution.reach.ssh import plainly, sharing, ssh_config
from opsbook.execution.work import HostReport, Job, Sink
from opsbook.model.errors import InputFault
from opsbook.model.estate import Host
from opsbook.model.message import Message, msg

GRACE_SECONDS = 10
"""Between asking Ansible to stop and killing it."""

_SETTINGS = {"suppress_output_file": True, "pexpect_timeout": 0.5}
"""For ansible-runner, which reads them from a file only; half a second is how often it asks
whether to stop."""

_OF_RUNNER = ("AWX_", "RUNNER_", "ORIGINAL_STDOUT", "ANSIBLE_CALLBACK_PLUGINS",
              "ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_RETRY")  # fmt: skip


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
                _Play(with_python, job, sink).run()
            if scripts:
                scripts.result()


class _Play:
    """One call of ansible-playbook."""

    def __init__(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        self.hosts = hosts
        self.job = job
        self.sink = sink
        self.environment = ansible_environment(job.estate)
        password_file = self.environment.get("ANSIBLE_VAULT_PASSWORD_FILE")
        self.masker = Masker(vaulted_values(job.estate, password_file))
        self.events = PlayEvents([host.name for host in hosts], sink, self.masker)
        self.stop = _Stop(job, lambda: self.events.pid)
        self.interpreters = Interpreters(job.estate, job.places)

    def run(self) -> None:
        try:
            with working_directory(self.job.places, self.job.run) as directory:
                if not self.job.cancelled.is_set():
                    self._call(directory)
        except (OSError, InputFault) as error:  # disk full, or the like
            self.stop.why = _why(error)
        if self.job.cancelled.is_set() and self.events.stats is None:
            return
        self.interpreters.learn(self.events.pythons)
        lost = self.events.lost & self.interpreters.known.keys()
        for host in self.hosts:
            if host.name not in lost:
                self.sink.finished(self.events.report(host.name, self.stop.why))
        if lost:
            self._again([host for host in self.hosts if host.name in lost])

    def _again(self, hosts: Sequence[Host]) -> None:
        """Where Python was it is not any more, so nothing has run there: look for it anew."""
        self.interpreters.forget(host.name for host in hosts)
        _Play(hosts, self.job, self.sink).run()

    def _call(self, directory: Path) -> None:
        from ansible_runner import Runner

        config = self._config(directory)
        Runner(
            config=config,
            event_handler=self.events,
            cancel_callback=self.stop,
            status_handler=lambda status, **_: _forget_command(config, status),
        ).run()

    def _config(self, directory: Path) -> Any:
        from ansible_runner import RunnerConfig

        self._write(directory)
        plain = plainly(directory)
        config = RunnerConfig(
            private_data_dir=str(directory),
            playbook=_playbook(self.job.runbook.name, self.job.runbook.work.playbook or ""),
            inventory=[str(inventory_file(self.job.estate)), str(plain / "names.json")],
            limit=f"@{plain / 'limit'}",
            forks=min(len(self.hosts), self.job.runbook.waves.cap),
            ident="run",
            quiet=True,
            fact_cache_type="memory",
        )
        config.prepare()
        config.cwd = str(self.job.estate.directory)
        config.env = self._environment(config.env, directory)
        config.command = [*_tied_to_us(), *ansible_command("playbook"), *config.command[1:]]
        return config

    def _write(self, directory: Path) -> None:
        """What Ansible is given: nothing of it stands on its command line."""
        names = {"all": {"hosts": {host.name: self._connecting(host) for host in self.hosts}}}
        write_private(directory / "env" / "extravars", json.dumps(dict(self.job.parameters)))
        write_private(directory / "env" / "settings", json.dumps(_SETTINGS))
        write_private(directory / "names.json", json.dumps(names))
        write_private(directory / "limit", "\n".join(host.name for host in self.hosts))

    def _connecting(self, host: Host) -> dict[str, str]:
        """A host is called by its name; a variable file of the host's own still comes before."""
        if host.connection == "local":
            return {"ansible_python_interpreter": sys.executable}
        python = self.interpreters.known.get(host.name)
        found = {"ansible_python_interpreter": python} if python else {}
        return {"ansible_ssh_host": host.name, **found}

    def _environment(self, runners: Mapping[str, str], directory: Path) -> dict[str, str]:
        config = ssh_config(self.job.inventory, self.job.places)
        arguments = ["-F", str(config), *sharing(self.job.inventory, self.job.places)]
        kept = {key: value for key, value in runners.items() if key.startswith(_OF_RUNNER)}
        return {
            **self.environment,
            **kept,
            "ANSIBLE_SSH_ARGS": " ".join(f'"{argument}"' for argument in arguments),
            "ANSIBLE_LOCAL_TEMP": str(directory / "tmp"),
        }


class _Stop:
    """ansible-runner asks this twice a second; ``why`` tells a limit from a request."""

    def __init__(self, job: Job, pid: Callable[[], int | None]) -> None:
        self.why: Message | None = None
        self._job = job
        self._pid = pid
        self._asked: float | None = None

    def __call__(self) -> bool:
        """True when Ansible is to be killed."""
        now = self._job.clock.monotonic()
        if self._asked is not None:
            return now - self._asked > GRACE_SECONDS
        if now > self._job.deadline:
            self.why = msg("did not end within {limit}", limit=self._job.runbook.timeout)
        if self.why is None and not self._job.cancelled.is_set():
            return False
        self._asked = now
        return not _ask_to_end(self._pid())


def _why(error: OSError | InputFault) -> Message:
    if isinstance(error, InputFault):
        return error.problem
    return msg("{file} cannot be written: {reason}", file=error.filename, reason=error.strerror)


def _ask_to_end(pid: int | None) -> bool:
    """Whether Ansible could be asked; before its first event it has no workers to end."""
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def _playbook(runbook: str, file: str) -> str:
    """By collection name for what came with opsbook, by path for a user's own."""
    directory = runbook_directory(runbook)
    if ships_with_us(directory):
        return f"opsbook.runbooks.{runbook}.{Path(file).stem}"
    return str(directory / file)


def _tied_to_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _forget_command(config: Any, status: Mapping[str, Any]) -> None:
    """ansible-runner writes the whole environment to disk before it starts."""
    if status["status"] == "running":
        Path(config.artifact_dir, "command").unlink(missing_ok=True)
