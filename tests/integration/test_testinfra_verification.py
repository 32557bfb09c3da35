"""Verification by real testinfra suites: per host, in bounds, and never good by accident."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from doubles.jobs import make_estate, make_job, make_runbook
from opsbook.execution.verify.verification import Verified, verify
from opsbook.execution.work import Job

HOSTS = """\
all:
  vars: {ansible_connection: local}
  hosts: {here: {}, there: {opsbook_python: false}}
"""


def job_with(
    suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, on: str = "target",
    timeout: str = "2m",
) -> Job:  # fmt: skip
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "catalog"))
    more = f"verification: {{suite: verify, on: {on}}}\n"
    files = {"verify/test_it.py": suite}
    make_runbook(tmp_path / "catalog", "look", "[]", timeout=timeout, more=more, **files)
    return make_job(make_estate(tmp_path / "estate", HOSTS), "look", tmp_path / "state")


def verified(job: Job) -> dict[str, Verified]:
    return verify(job.runbook, job.inventory.hosts, job)


def test_each_host_has_its_own_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_with(
        "def test_shell(host):\n    assert host.run('echo x').stdout == 'x\\n'\n"
        "def test_name(host, opsbook_host):\n    assert opsbook_host == 'here', 'wrong place'\n",
        tmp_path,
        monkeypatch,
    )
    found = verified(job)
    assert (found["here"].passed, found["here"].failed) == (2, 0)
    assert (found["there"].passed, found["there"].failed) == (1, 1)
    bad = found["there"].to_json()["tests"][1]
    assert (bad["name"], bad["outcome"]) == ("test_name", "failed")
    assert "wrong place" in bad["message"]


def test_what_a_suite_tries_one_by_one_is_told_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_with(
        "import pytest\n"
        "@pytest.mark.parametrize('port', [22, 80])\n"
        "def test_port(host, port):\n    assert port == 22\n",
        tmp_path,
        monkeypatch,
    )
    for found in verified(job).values():
        assert {(test.name, test.outcome) for test in found.tests} == {
            ("test_port[22]", "passed"), ("test_port[80]", "failed"),
        }  # fmt: skip


def test_a_suite_on_the_control_host_knows_run_host_and_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_with(
        "import os\n"
        "def test_it(host, opsbook_host):\n"
        "    assert host.backend.get_connection_type() == 'local'\n"
        "    assert os.environ['OPSBOOK_HOST'] == opsbook_host\n"
        f"    assert os.environ['OPSBOOK_STATE'] == {str(tmp_path / 'state')!r}\n"
        f"    assert os.environ['OPSBOOK_ESTATE'] == {str(tmp_path / 'estate')!r}\n"
        "    assert os.environ['OPSBOOK_RUN'] == 'RUN-20261121-001'\n",
        tmp_path,
        monkeypatch,
        on="control",
    )
    assert {(v.passed, v.failed) for v in verified(job).values()} == {(1, 0)}


FIXTURE = "import pytest\n@pytest.fixture\ndef x():\n"
BAD_SUITES = {
    "cannot be imported": ("import no_such_module_at_all\n", "no_such_module_at_all"),
    "has a syntax error": ("def test(:\n", "SyntaxError"),
    "has no test": ("x = 1\n", "no tests ran"),
    "skips everything": (
        "import pytest\ndef test_it(host): pytest.skip('late')\n",
        "no test passed",
    ),
    "ends the process": ("import os\ndef test_it(host): os._exit(0)\n", ""),
    "fails in a fixture": (
        FIXTURE + "    raise OSError('broken fixture')\ndef test_it(host, x): pass\n",
        "broken fixture",
    ),
    "fails in tearing down": (
        FIXTURE + "    yield\n    raise OSError('torn')\ndef test_it(host, x): pass\n",
        "torn",
    ),
}


@pytest.mark.parametrize("case", BAD_SUITES)
def test_a_suite_that_is_broken_fails_every_host(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, words = BAD_SUITES[case]
    found = verified(job_with(suite, tmp_path, monkeypatch))
    assert set(found) == {"here", "there"}
    for result in found.values():
        assert result.failed
        assert any(words in test.message for test in result.tests)


def test_a_suite_that_hangs_fails_the_hosts_it_did_not_come_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = (
        "import time\n"
        "def test_it(host, opsbook_host):\n    time.sleep(300 if opsbook_host == 'there' else 0)\n"
    )
    found = verified(job_with(suite, tmp_path, monkeypatch, timeout="4s"))
    assert (found["here"].passed, found["here"].failed) == (1, 0)
    assert found["there"].failed == 1
    assert found["there"].tests[0].message == "the suite did not end within 4s"


def test_a_cancelled_verification_tells_only_of_hosts_that_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    suite = (
        "import pathlib, time\n"
        "def test_it(host, opsbook_host):\n"
        "    if opsbook_host == 'there':\n"
        f"        pathlib.Path({str(mark)!r}).touch()\n        time.sleep(300)\n"
    )
    job = job_with(suite, tmp_path, monkeypatch)
    answers: list[dict[str, Verified]] = []
    worker = threading.Thread(target=lambda: answers.append(verified(job)))
    worker.start()
    until = time.monotonic() + 30
    while not mark.exists() and time.monotonic() < until:
        time.sleep(0.05)
    job.cancelled.set()
    worker.join(10)
    assert [list(answer) for answer in answers] == [["here"]]


def test_the_users_pytest_settings_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    job = job_with("def test_it(host): pass\n", tmp_path, monkeypatch)
    assert {result.failed for result in verified(job).values()} == {0}
