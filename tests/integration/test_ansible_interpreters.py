"""Where Python is on a host is asked once, and asked again when it is not there any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.jobs import MemorySink, make_estate, make_job
from doubles.sshd import Sshd, running_sshd
from opsbook.execution.ansible.interpreters import Interpreters
from opsbook.execution.ansible.playbook import PlaybookWork
from opsbook.execution.work import Job
from opsbook.model.outcome import Outcome


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def job(sshd: Sshd, tmp_path: Path) -> Job:
    hosts = f"""\
all:
  vars:
    ansible_host: 127.0.0.1
    ansible_port: {sshd.port}
    ansible_user: {sshd.user}
    ansible_ssh_private_key_file: {sshd.key}
  hosts: {{web1: {{}}, web2: {{}}}}
"""
    estate = make_estate(tmp_path / "estate", hosts, known_hosts=sshd.host_line())
    return make_job(estate, "host_survey", tmp_path / "state")


def known(job: Job) -> Interpreters:
    return Interpreters(job.estate, job.places)


def perform(job: Job) -> MemorySink:
    sink = MemorySink()
    PlaybookWork().perform(job.inventory.hosts, job, sink)
    return sink


def test_a_python_that_is_gone_is_looked_for_anew_and_holds_up_no_other_host(job: Job) -> None:
    known(job).learn({"web1": "/usr/bin/python9.9", "web2": "/usr/bin/python3"})
    sink = perform(job)
    assert sink.reports["web2"].outcome is Outcome.OK
    assert [host for host, *_ in sink.tasks].count("web1") == 2
    assert [host for host, *_ in sink.tasks].count("web2") == 1
    assert known(job).known.get("web1") != "/usr/bin/python9.9"


def test_a_change_of_the_inventory_makes_what_was_found_void(job: Job) -> None:
    known(job).learn({"web1": "/usr/bin/python3"})
    with (job.estate.directory / "hosts.yml").open("a") as stream:
        stream.write("# changed\n")
    assert known(job).known == {}


HOSTILE = [
    "{{ lookup('pipe', 'id') }}", "python3", "/usr/bin/python3; id", "/usr/bin/env python3", "", 7,
    None, ["/usr/bin/python3"], "/usr/bin/python3\n",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE, ids=repr)
def test_what_a_host_says_is_taken_only_when_it_is_a_plain_path(path: object, job: Job) -> None:
    known(job).learn({"web1": path})
    assert known(job).known == {}


def test_a_cache_that_was_tampered_with_is_not_believed(job: Job) -> None:
    known(job).learn({"web1": "/usr/bin/python3"})
    (file,) = (job.places.cache / "interpreters").iterdir()
    kept = json.loads(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600
    for bad in ("[]", "{", '{"inventory": 1}', json.dumps({**kept, "found": {"web1": "{{ x }}"}})):
        file.write_text(bad)
        assert known(job).known == {}
