"""The lease marker as patching's survey reads it, of what the engine itself wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doubles.jobs import make_estate, make_job, make_runbook
from opsbook.execution.reach.marker import BEYOND, Markers
from opsbook.execution.work import Job
from support.module_utils import patching

HERE = """\
all:
  vars: {ansible_connection: local, opsbook_lease_directory: %s}
  hosts: {here: {}}
"""
CHANGE = "CHG-20261121-001"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "catalog"))
    make_runbook(tmp_path / "catalog", "work", "- hosts: all\n  tasks: []\n")
    estate = make_estate(tmp_path / "estate", HERE % (tmp_path / "marker"))
    job = make_job(estate, "work", tmp_path / "state")
    return replace(job, change=CHANGE, tokens={"here": 7}, deadline=job.clock.monotonic() + 60)


def seen(tmp_path: Path) -> dict[str, Any] | None:
    found: dict[str, Any] | None = patching("snapshot").lease(str(tmp_path / "marker"))
    return found


def rewritten(tmp_path: Path, **values: Any) -> None:
    file = tmp_path / "marker" / "lease.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_marker_of_the_engine_counts_until_it_is_given_back(job: Job, tmp_path: Path) -> None:
    assert seen(tmp_path) is None
    markers = Markers(job)
    assert markers.take(job.inventory.hosts) == {}
    found = seen(tmp_path)
    assert found is not None
    assert (found["run"], found["change"], found["live"]) == (job.run, CHANGE, True)
    assert BEYOND < found["seconds_left"] <= BEYOND + 60
    markers.give_back(job.inventory.hosts)
    given_back = seen(tmp_path)
    assert given_back is not None
    assert (given_back["live"], given_back["seconds_left"]) == (False, 0)


def test_a_marker_of_another_boot_counts_its_seconds_from_this_boot_on(
    job: Job, tmp_path: Path
) -> None:
    Markers(job).take(job.inventory.hosts)
    up = int(float(Path("/proc/uptime").read_text().split()[0]))
    rewritten(tmp_path, boot="another", until=1, seconds=up + 100)
    found = seen(tmp_path)
    assert found is not None
    assert 90 <= found["seconds_left"] <= 100
    rewritten(tmp_path, seconds=max(up - 1, 0))
    ended = seen(tmp_path)
    assert ended is not None
    assert ended["live"] is False


@pytest.mark.parametrize("text", [
    "", "{", "[]", "null", '{"until": "9", "seconds": 9}', '{"until": 1e99, "seconds": 1}',
    '{"until": true, "seconds": 1}', '{"until": -1, "seconds": 1}', '{"until": 1}',
])  # fmt: skip
def test_a_file_that_is_no_marker_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "marker").mkdir()
    (tmp_path / "marker" / "lease.json").write_text(text)
    assert seen(tmp_path) is None
