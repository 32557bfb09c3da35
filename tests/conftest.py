"""What holds for every test: its own state, no silent skips in CI, repeatable properties."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from opsbook import text

CI = os.environ.get("CI") == "true"
HERE = Path(__file__).parent

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if CI else "here")


@pytest.fixture(scope="session", autouse=True)
def _state_of_tests() -> Iterator[None]:
    """No test ever works on the user's own state or in the user's language."""
    with (
        tempfile.TemporaryDirectory(prefix="opsbook-tests-") as scratch,
        pytest.MonkeyPatch.context() as env,
    ):
        if "OPSBOOK_STATE" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
            env.setenv("OPSBOOK_STATE", str(Path(scratch) / "state"))
        env.setenv("LC_ALL", "C.UTF-8")
        for name in ("OPSBOOK_LANG", "OPSBOOK_LAB_IMAGES"):
            env.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def _language_of_tests() -> None:
    """Each test begins in English, whatever language the one before it ended in."""
    text.use("en")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Where tests run side by side: those on the lab stay together, and so do those of a file."""
    return _ByRoom(config, log)


class _ByRoom(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "lab" if file.startswith("tests/e2e/") else file


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failure: what is not run is not known."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true does not allow: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module."""
    report = yield
    if CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true does not allow: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
