"""Work: the scripted double, playbooks and scripts keep the same promises to the lifecycle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.jobs import MemorySink, make_estate, make_job, make_runbook
from doubles.shell import MemoryShell
from doubles.work import Script, ScriptedWork
from opsbook.execution.ansible.playbook import PlaybookWork
from opsbook.execution.reach.scripted import ScriptWork
from opsbook.execution.reach.shell import Completed
from opsbook.execution.work import Job, Work
from opsbook.model.outcome import Outcome

HOSTS = """\
all:
  vars: {ansible_connection: local, opsbook_python: %s}
  hosts: {good: {}, bad: {}}
"""
PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - {name: look, ansible.builtin.command: 'test {{ inventory_hostname }} = good',
       changed_when: false}
"""
SCRIPT = "text\thello\tworld\n"


class _Script(ScriptWork):
    """The part for hosts without Python, as a whole work."""

    def examine(self, host: object, job: object) -> None:
        return None


def _scripted() -> Work:
    return ScriptedWork({"bad": Script(Outcome.FAILED)})


def _by_shell() -> Work:
    return _Script(MemoryShell({"good": Completed(0, SCRIPT, ""), "bad": Completed(3, "", "no")}))


@pytest.fixture(params=["scripted", "playbook", "script", "script on this machine"])
def subject(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Work, Job]:
    makers: dict[str, Callable[[], Work]] = {
        "scripted": _scripted,
        "playbook": PlaybookWork,
        "script": _by_shell,
        "script on this machine": PlaybookWork,
    }
    by_script = request.param.startswith("script on")
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "catalog"))
    folder = make_runbook(tmp_path / "catalog", "look", PLAYBOOK, **{"look.sh": "exit 3\n"})
    if request.param.startswith("script"):
        text = (folder / "runbook.yml").read_text()
        text = text.replace("{playbook: playbook.yml}",
                            "{playbook: playbook.yml, without_python: look.sh}")  # fmt: skip
        (folder / "runbook.yml").write_text(text)
    hosts = HOSTS % ("false" if by_script else "true")
    job = make_job(make_estate(tmp_path / "estate", hosts), "look", tmp_path / "state")
    return makers[request.param](), job


def perform(subject: tuple[Work, Job]) -> MemorySink:
    work, job = subject
    sink = MemorySink()
    work.perform(job.inventory.hosts, job, sink)
    return sink


def test_every_host_starts_and_finishes_once(subject: tuple[Work, Job]) -> None:
    sink = perform(subject)
    assert sorted(sink.begun) == [("bad", "apply"), ("good", "apply")]
    assert sorted(sink.reports) == ["bad", "good"]


def test_one_hosts_trouble_is_its_own_and_raises_nothing(subject: tuple[Work, Job]) -> None:
    sink = perform(subject)
    assert sink.reports["bad"].outcome is Outcome.FAILED
    assert sink.reports["bad"].summary.english()


def test_every_step_is_told_with_its_status(subject: tuple[Work, Job]) -> None:
    sink = perform(subject)
    assert {host for host, *_ in sink.tasks} == {"good", "bad"}
    assert all("seconds" in detail for *_, detail in sink.tasks)


def test_a_run_that_was_cancelled_before_leaves_hosts_without_report(
    subject: tuple[Work, Job],
) -> None:
    subject[1].cancelled.set()
    assert perform(subject).reports == {}


def test_nothing_is_known_of_a_host_that_was_not_done(subject: tuple[Work, Job]) -> None:
    work, job = subject
    assert all(work.examine(host, job) is None for host in job.inventory.hosts)
