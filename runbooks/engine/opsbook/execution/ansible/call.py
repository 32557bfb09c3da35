"""One call of ansible-playbook through ansible-runner, and what became of each host in it.

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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opsbook.execution.ansible.interpreters import Interpreters
from opsbook.execution.ansible.playevents import PlayEvents
from opsbook.execution.ansible.told import Told
from opsbook.execution.ansible.workdir import working_directory
from opsbook.execution.declared.control import ansible_command, ansible_environment
from opsbook.execution.declared.declarations import runbook_directory, ships_with_us
from opsbook.execution.declared.inventory import inventory_file
from opsbook.execution.masking import Masker
from opsbook.execution.privatefile import write_private
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


@dataclass(frozen=True, slots=True)
class Play:
    """What is asked of Ansible. ``variables`` are data, never templates; ``templates`` are ours.

    ``phase`` is told to the sink, empty when nothing is done to hosts; ``told`` also listens to
    what Ansible's events leave out.
    """

    playbook: str
    hosts: Sequence[Host]
    forks: int
    phase: str = "apply"
    options: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    told: Told | None = None


def play(asked: Play, job: Job, sink: Sink, masker: Masker) -> dict[str, HostReport]:
    """Run it; every host has its report, unless the job was cancelled before the end.

    Raises what the sink raised.
    """
    call = _Call(asked, job, sink, masker)
    reports = call.run()
    if call.lost:  # nothing has run there: Python is not where it was, look for it anew
        again = [host for host in asked.hosts if host.name in call.lost]
        reports |= play(replace(asked, hosts=again), job, sink, masker)
    return reports


class _Call:
    def __init__(self, asked: Play, job: Job, sink: Sink, masker: Masker) -> None:
        self.lost: set[str] = set()
        self._asked = asked
        self._job = job
        self._hosts = asked.hosts
        self._events = PlayEvents([host.name for host in asked.hosts], sink, masker, asked.phase)
        self._stop = _Stop(job, lambda: self._events.pid)
        self._interpreters = Interpreters(job.estate, job.places)

    def run(self) -> dict[str, HostReport]:
        try:
            with working_directory(self._job.places, self._job.run) as directory:
                if not self._job.cancelled.is_set():
                    self._run_in(directory)
        except (OSError, InputFault) as error:  # disk full, or the like
            self._stop.why = _why(error, self._job.places.root)
        if self._asked.told is not None and self._asked.told.failure is not None:
            raise self._asked.told.failure
        if self._job.cancelled.is_set() and self._events.stats is None:
            return {}
        self._interpreters.learn(self._events.pythons)
        self.lost = self._events.lost & self._interpreters.known.keys()
        self._interpreters.forget(self.lost)
        names = [host.name for host in self._hosts if host.name not in self.lost]
        return {name: self._events.report(name, self._stop.why) for name in names}

    def _run_in(self, directory: Path) -> None:
        told = self._asked.told
        if told is None:
            return self._call(directory, {})
        try:
            self._call(directory, told.open(directory))
        finally:
            told.close()
        if not told.greeted and self._stop.why is None and self._events.begun:
            self._stop.why = msg("Ansible did not load the plugin {name}", name="told")
            self._events.stats = None
        return None

    def _call(self, directory: Path, more: Mapping[str, str]) -> None:
        from ansible_runner import Runner

        config = self._config(directory, more)
        Runner(
            config=config,
            event_handler=self._events,
            cancel_callback=self._stop,
            status_handler=lambda status, **_: _forget_command(config, status),
        ).run()

    def _config(self, directory: Path, more: Mapping[str, str]) -> Any:
        from ansible_runner import RunnerConfig

        self._write(directory)
        plain = plainly(directory)
        config = RunnerConfig(
            private_data_dir=str(directory),
            playbook=_playbook(self._job.runbook.name, self._asked.playbook),
            inventory=[str(inventory_file(self._job.estate)), str(plain / "names.json")],
            limit=f"@{plain / 'limit'}",
            forks=self._asked.forks,
            ident="run",
            quiet=True,
            fact_cache_type="memory",
        )
        config.prepare()
        config.cwd = str(self._job.estate.directory)
        config.env = {**self._environment(config.env, directory), **more}
        called = [*ansible_command("playbook"), *self._asked.options, *config.command[1:]]
        config.command = [*_tied_to_us(), *called]
        return config

    def _write(self, directory: Path) -> None:
        """What Ansible is given: nothing of it stands on its command line."""
        names = {"all": {"hosts": {host.name: self._connecting(host) for host in self._hosts}}}
        given = {**self._job.parameters, **self._asked.variables}
        extra = {name: _data(value) for name, value in given.items()} | dict(self._asked.templates)
        write_private(directory / "env" / "extravars", json.dumps(extra))
        write_private(directory / "env" / "settings", json.dumps(_SETTINGS))
        write_private(directory / "names.json", json.dumps(names))
        write_private(directory / "limit", "\n".join(host.name for host in self._hosts))

    def _connecting(self, host: Host) -> dict[str, str]:
        """A host is called by its name; a variable file of the host's own still comes before."""
        if host.connection == "local":
            return {"ansible_python_interpreter": sys.executable}
        python = self._interpreters.known.get(host.name)
        found = {"ansible_python_interpreter": python} if python else {}
        return {"ansible_ssh_host": host.name, **found}

    def _environment(self, runners: Mapping[str, str], directory: Path) -> dict[str, str]:
        config = ssh_config(self._job.inventory, self._job.places)
        arguments = ["-F", str(config), *sharing(self._job.inventory, self._job.places)]
        kept = {key: value for key, value in runners.items() if key.startswith(_OF_RUNNER)}
        return {
            **ansible_environment(self._job.estate),
            **kept,
            "ANSIBLE_SSH_ARGS": " ".join(f'"{argument}"' for argument in arguments),
            "ANSIBLE_LOCAL_TEMP": str(directory / "tmp"),
        }


def _data(value: Any) -> Any:
    """``value`` so that Ansible never takes a text in it for a template.

    ``__ansible_unsafe`` is the JSON form of ``!unsafe``. Raises InputFault when the data has a
    key that means something to Ansible itself.
    """
    if isinstance(value, str):
        return {"__ansible_unsafe": value} if "{" in value else value
    if isinstance(value, Mapping):
        strange = [key for key in value if str(key).startswith("__ansible")]
        if strange:
            raise InputFault(msg("{name} cannot be the name of a value.", name=strange[0]))
        return {str(key): _data(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_data(part) for part in value]
    return value


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


def _why(error: OSError | InputFault, state: Path) -> Message:
    if isinstance(error, InputFault):
        return error.problem
    file, reason = error.filename or state, error.strerror or error
    return msg("{file} cannot be written: {reason}", file=file, reason=reason)


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
