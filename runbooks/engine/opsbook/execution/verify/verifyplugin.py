"""The part of verification that lives in the pytest process: hosts as parameters, results as lines.

Loaded by ``verification.py`` only. Every test of the suite runs once for every host. Suites have
the fixtures ``host`` (testinfra's, on the target or on the control host), ``opsbook_host`` (its
name) and ``plan`` (what was foreseen on it, ``HostPlan.to_json()``; empty in a routine run), and
the environment variables ``OPSBOOK_HOST``, ``OPSBOOK_RUN``, ``OPSBOOK_STATE`` and
``OPSBOOK_ESTATE``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Generator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
import testinfra

AT_ONCE = 8
"""Processes that share the hosts."""

TEST_SECONDS = 120
"""The longest that one test may take on one host."""


class Results:
    """Writes one JSON line per test and one per host that was gone through."""

    def __init__(self, directory: Path) -> None:
        self.asked = json.loads((directory / "hosts.json").read_text())
        self.hosts = {host["name"]: host for host in self.asked["hosts"]}
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(directory / "results.jsonl", flags, 0o600)
        self._left: dict[str, int] = {}

    def write(self, host: str | None, name: str, outcome: str, message: str = "") -> None:
        """Add one result, in one write, because several processes do so."""
        line = {"host": host, "name": name, "outcome": outcome, "message": message}
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def expect(self, items: list[pytest.Item]) -> None:
        """How many tests each host has before it."""
        for item in items:
            name = host_of(item)
            self._left[name] = self._left.get(name, 0) + 1

    def done(self, item: pytest.Item) -> None:
        """One test less; after the last one the host is marked as gone through."""
        name = host_of(item)
        self._left[name] -= 1
        if not self._left[name]:
            self.write(name, "", "end")


_results: list[Results] = []


def host_of(item: pytest.Item) -> str:
    """For which host ``item`` runs."""
    return str(item.callspec.params["opsbook_host"])  # type: ignore[attr-defined]


def name_of(item: pytest.Item) -> str:
    """The test's name, with what the suite itself gives it: ``test_a_control[sshd.banner]``."""
    name = str(getattr(item, "originalname", item.name))
    params = item.callspec.params  # type: ignore[attr-defined]
    own = [str(value) for key, value in params.items() if key != "opsbook_host"]
    return f"{name}[{'-'.join(own)}]" if own else name


def pytest_configure(config: pytest.Config) -> None:
    """Read what is asked."""
    _results.append(Results(Path(os.environ["OPSBOOK_VERIFY"])))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test once for every host, host by host."""
    names = list(_results[0].hosts)
    metafunc.parametrize("opsbook_host", names, indirect=True, scope="session")


@pytest.fixture(autouse=True, scope="session")
def opsbook_host(request: pytest.FixtureRequest) -> str:
    """The name of the host that is verified."""
    os.environ["OPSBOOK_HOST"] = request.param
    return str(request.param)


@pytest.fixture(scope="session")
def plan(opsbook_host: str) -> dict[str, Any]:
    """What the change was to do on this host; ``plans.json`` has it for all hosts."""
    plans = json.loads((Path(os.environ["OPSBOOK_VERIFY"]) / "plans.json").read_text())
    return dict(plans.get(opsbook_host, {}))


@pytest.fixture(scope="session")
def host(opsbook_host: str) -> Any:
    """The host that the suite looks at."""
    asked = _results[0].asked
    about = _results[0].hosts[opsbook_host]
    if about["local"]:
        return _in_utf8(testinfra.get_host("local://", sudo=about["sudo"]))
    return _in_utf8(
        testinfra.get_host(
            f"ssh://{opsbook_host}",
            sudo=about["sudo"],
            ssh_config=asked["ssh_config"],
            ssh_extra_args=asked["ssh_extra_args"] or None,
            controlpersist=0,
        )
    )


def _in_utf8(found: Any) -> Any:
    """Testinfra would ask a Python on the host for its encoding."""
    found.backend._encoding = "UTF-8"
    return found


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Host by host, so that a host is done early and known as a whole."""
    order = {name: place for place, name in enumerate(_results[0].hosts)}
    items.sort(key=lambda item: order[host_of(item)])
    _results[0].expect(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Several hosts at the same time: the suite is read once, then processes share the hosts."""
    if session.testsfailed:
        return None
    sys.stdout.flush()
    names = list(_results[0].hosts)
    parts = [names[start::AT_ONCE] for start in range(min(AT_ONCE, len(names)))]
    for child in [_fork(session, set(part)) for part in parts]:
        os.waitpid(child, 0)
    return True


def _fork(session: pytest.Session, hosts: set[str]) -> int:
    """A process that verifies ``hosts``; whatever happens in it stays in it."""
    child = os.fork()
    if child:
        return child
    try:
        items = [item for item in session.items if host_of(item) in hosts]
        for item, following in zip_longest(items, items[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        sys.stdout.flush()
    finally:
        os._exit(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Limit each test in time."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"the test took more than {TEST_SECONDS} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(TEST_SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        _results[0].done(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """One line for the test itself, and for a set-up or tear-down that failed."""
    report = yield
    if report.when == "call" or report.outcome != "passed":
        outcome = report.outcome if report.when == "call" or report.skipped else "error"
        _results[0].write(host_of(item), name_of(item), outcome, _why(report))
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A suite that cannot be read fails every host."""
    if report.failed:
        _results[0].write(None, report.nodeid, "error", _why(report))


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The lines that say what is wrong, not the whole traceback."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    lines = str(report.longrepr or "").splitlines()
    telling = [line[2:].strip() for line in lines if line.startswith("E ")]
    return "\n".join(telling or lines[-10:])
