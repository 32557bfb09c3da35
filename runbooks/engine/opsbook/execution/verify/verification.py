"""Verification of hosts by a runbook's testinfra suite, which one pytest reads once for all hosts.

Verification is a second look: it goes over its own connections and does not see what the work
reported.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsbook.execution.work import Job
from opsbook.model.estate import Host
from opsbook.model.runbook import Runbook

if TYPE_CHECKING:
    from opsbook.execution.masking import Masker

MOST_MESSAGE = 600
"""The most characters of one failure that are kept."""

_CHECK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """One test: ``outcome`` is passed, failed, skipped or error; ``message`` says why."""

    name: str
    outcome: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What the suite found on one host. Without a single failure, something has passed."""

    passed: int
    failed: int
    tests: tuple[SuiteTest, ...]

    def to_json(self) -> dict[str, Any]:
        """As kept in ``host.verified`` events."""
        tests = [asdict(test) for test in self.tests]
        return {"passed": self.passed, "failed": self.failed, "tests": tests}


def verify(runbook: Runbook, hosts: Sequence[Host], job: Job) -> dict[str, Verified]:
    """Run the suite on ``hosts``; a host of which the suite says nothing has failed.

    When the run is cancelled, only hosts that were gone through are in the answer.
    """
    from opsbook.execution.declared.vault import masker_of

    if runbook.verification is None or not hosts:
        return {}
    with tempfile.TemporaryDirectory(prefix="opsbook-verify-") as scratch:
        directory = Path(scratch)
        (directory / "hosts.json").write_text(json.dumps(_asked(runbook, hosts, job)))
        plans = {name: plan.to_json() for name, plan in job.plans.items()}
        (directory / "plans.json").write_text(json.dumps(plans))
        why = _run(_command(runbook, directory), directory, job)
        lines = _lines(directory / "results.jsonl")
    masker = masker_of(job.estate)
    found = {host.name: _verified(host.name, lines, why, masker) for host in hosts}
    if job.cancelled.is_set():
        return {name: verified for name, verified in found.items() if _is_whole(name, lines)}
    return found


def _asked(runbook: Runbook, hosts: Sequence[Host], job: Job) -> dict[str, Any]:
    """What the plugin in the pytest process needs to know."""
    from opsbook.execution.reach.ssh import sharing, ssh_config

    control = runbook.verification is not None and runbook.verification.on == "control"
    config = "" if control else str(ssh_config(job.inventory, job.places))
    extra = [] if control else sharing(job.inventory, job.places)
    return {
        "hosts": [
            {
                "name": host.name,
                "local": control or host.connection == "local",
                "sudo": not control and host.become and not _already_root(host),
            }
            for host in hosts
        ],
        "ssh_config": config,
        "ssh_extra_args": " ".join(extra),
    }


def _already_root(host: Host) -> bool:
    return host.connection == "local" and os.geteuid() == 0


def _command(runbook: Runbook, directory: Path) -> list[str]:
    from opsbook.execution.declared.declarations import runbook_directory

    suite = runbook.verification.suite if runbook.verification else ""
    path = (runbook_directory(runbook.name) / suite).resolve()
    home = path if path.is_dir() else path.parent
    return [
        *(sys.executable, "-P", "-m", "pytest", "-q", "--import-mode=importlib"),
        *("-p", "opsbook.execution.verify.verifyplugin", "-p", "no:cacheprovider"),
        *("-c", os.devnull, f"--rootdir={home}", f"--confcutdir={home}"),
        f"--basetemp={directory / 'tmp'}",
        str(path),
    ]


def _run(command: list[str], directory: Path, job: Job) -> str:
    """Run pytest; what it said at the end, or why it was stopped."""
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            env=_environment(directory, job),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            stopped = _wait(process, job)
        finally:
            _end(process)
    said = (directory / "output").read_text(errors="replace").strip()
    return stopped or said[-MOST_MESSAGE:]


def _environment(directory: Path, job: Job) -> dict[str, str]:
    from opsbook.execution.declared.control import PLAIN

    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
        **PLAIN,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPSBOOK_VERIFY": str(directory),
        "OPSBOOK_RUN": job.run,
        "OPSBOOK_STATE": str(job.places.root),
        "OPSBOOK_ESTATE": str(job.estate.directory),
    }


def _wait(process: subprocess.Popen[bytes], job: Job) -> str:
    while True:
        try:
            process.wait(_CHECK_SECONDS)
        except subprocess.TimeoutExpired:
            if job.cancelled.is_set():
                return "cancelled"
            if job.clock.monotonic() > job.deadline:
                return f"the suite did not end within {job.runbook.timeout}"
        else:
            return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of the suite outlives its verification."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _lines(file: Path) -> list[dict[str, Any]]:
    """The results that were written whole."""
    if not file.is_file():
        return []
    whole = [line for line in file.read_text().split("\n")[:-1] if line]
    return [json.loads(line) for line in whole]


def _verified(host: str, lines: Iterable[dict[str, Any]], why: str, masker: Masker) -> Verified:
    """Results of ``host``; a result of no host (the suite cannot be read) counts for all."""
    tests = [
        SuiteTest(
            masker.brief(line["name"], 200),
            line["outcome"],
            masker.brief(line["message"], MOST_MESSAGE),
        )
        for line in lines
        if line["host"] in (host, None) and line["outcome"] != "end"
    ]
    bad = sum(test.outcome in ("failed", "error") for test in tests)
    passed = sum(test.outcome == "passed" for test in tests)
    whole = _is_whole(host, lines)
    if not bad and not (passed and whole):
        reason = "no test passed" if whole else why or "the suite ended before its time"
        tests.append(SuiteTest("", "error", masker.brief(reason, MOST_MESSAGE)))
        bad += 1
    return Verified(passed, bad, tuple(tests))


def _is_whole(host: str, lines: Iterable[dict[str, Any]]) -> bool:
    return any(line["host"] == host and line["outcome"] == "end" for line in lines)
