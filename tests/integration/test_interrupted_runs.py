"""Whole runs of the real command on this machine, killed and stopped at chosen moments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from opsbook.ledger.store import open_ledger
from opsbook.model.clock import SystemClock
from opsbook.model.exits import Exit
from opsbook.model.places import Places

OPSBOOK = Path(sys.executable).parent / "opsbook"
HOSTS = ("l1", "l2")
ESTATE = """schema: 1
name: here
title: {zh: 本机, en: This machine}
timezone: Asia/Shanghai
"""


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    directory = tmp_path / "here"
    directory.mkdir()
    (directory / "estate.yml").write_text(ESTATE, encoding="utf-8")
    hosts = "".join(f"    {host}: {{ansible_connection: local}}\n" for host in HOSTS)
    (directory / "hosts.yml").write_text(f"all:\n  hosts:\n{hosts}", encoding="utf-8")
    return directory


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return Places(tmp_path / "state")


def opsbook(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [OPSBOOK, *words], capture_output=True, text=True, check=False, timeout=120
    )


def begin(estate: Path) -> subprocess.Popen[bytes]:
    argv = [OPSBOOK, "run", "host_survey", "-e", estate]
    return subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def wait_for(places: Places, kind: str, process: subprocess.Popen[bytes]) -> None:
    """Until an event of that kind is in the ledger."""
    for _ in range(400):
        if places.ledger.exists():
            try:
                if any(open_ledger(places, SystemClock()).events(kinds=(kind,))):
                    return
            except Exception:
                continue
        if process.poll() is not None:
            pytest.fail(f"the run ended before {kind}: {process.communicate()[1].decode()}")
        time.sleep(0.05)
    pytest.fail(f"no {kind} in 20 s")


def number_of(places: Places) -> str:
    (event,) = open_ledger(places, SystemClock()).events(kinds=("run.opened",))
    return event.run


def ends(places: Places) -> Counter[str]:
    events = open_ledger(places, SystemClock()).events(kinds=("host.finished",))
    return Counter(event.host for event in events)


@pytest.mark.parametrize(
    "moment", ["run.opened", "wave.started", "host.started", "host.finished", "host.verified"]
)
def test_killed_then_resumed_every_host_ends_once(estate: Path, state: Places, moment: str) -> None:
    process = begin(estate)
    wait_for(state, moment, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    number = number_of(state)
    shown = json.loads(opsbook("records", "show", number, "--json").stdout)
    assert shown["state"] in ("interrupted", "closed")
    if shown["state"] == "interrupted":
        resumed = opsbook("resume", number)
        assert resumed.returncode == Exit.DONE, resumed.stderr
    assert ends(state) == dict.fromkeys(HOSTS, 1)
    assert opsbook("records", "verify").returncode == Exit.DONE
    assert not list((state.root / "run").glob("*/*")), "working files were left behind"


def test_a_run_that_died_can_be_given_up_as_it_stands(estate: Path, state: Places) -> None:
    process = begin(estate)
    wait_for(state, "wave.started", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    number = number_of(state)
    given_up = opsbook("cancel", number, "--reason", "asked for by mistake")
    assert given_up.returncode == Exit.DONE, given_up.stderr
    shown = json.loads(opsbook("records", "show", number, "--json").stdout)
    assert (shown["state"], set(ends(state))) == ("closed", set(HOSTS))
    assert "nothing to resume" in opsbook("resume", number).stderr
    assert opsbook("cancel", number, "--reason", "again").returncode == Exit.USAGE


def test_control_c_stops_cleanly_and_says_how_to_go_on(estate: Path, state: Places) -> None:
    process = begin(estate)
    wait_for(state, "host.started", process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    number = number_of(state)
    assert process.returncode == Exit.INTERRUPTED
    assert f"opsbook resume {number}" in said.decode()
    assert "Traceback" not in said.decode()
    assert opsbook("resume", number).returncode == Exit.DONE
    assert ends(state) == dict.fromkeys(HOSTS, 1)
    again = opsbook("resume", number)
    assert again.returncode == Exit.USAGE
    assert "nothing to resume" in again.stderr


def test_a_run_in_progress_is_busy_for_a_second_terminal(estate: Path, state: Places) -> None:
    process = begin(estate)
    wait_for(state, "host.started", process)
    number = number_of(state)
    process.send_signal(signal.SIGSTOP)
    resumed = opsbook("resume", number)
    second = opsbook("run", "host_survey", "-e", estate)
    process.send_signal(signal.SIGCONT)
    process.wait()
    assert second.returncode == Exit.BUSY, second.stderr
    assert resumed.returncode == Exit.BUSY, resumed.stderr
    assert process.returncode == Exit.DONE


def test_a_changing_runbook_is_refused_by_run_and_the_refusal_is_on_record(
    estate: Path, state: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opsbook.execution.declared.declarations import runbook_directory

    source = runbook_directory("host_survey")
    changing = tmp_path / "books" / "changing"
    changing.mkdir(parents=True)
    for file in ("playbook.yml", "survey.sh"):
        (changing / file).write_text((source / file).read_text(encoding="utf-8"), encoding="utf-8")
    declared = (source / "runbook.yml").read_text(encoding="utf-8")
    declared = declared.replace("class: routine", "class: normal")
    declared = declared.replace("name: host_survey", "name: changing")
    declared = declared[: declared.index("verification:")] + _after_block(declared, "verification:")
    (changing / "runbook.yml").write_text(declared, encoding="utf-8")
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "books"))
    refused = opsbook("run", "changing", "-e", estate)
    assert refused.returncode == Exit.REFUSED, refused.stderr
    (line,) = json.loads(opsbook("records", "list", "--json").stdout)
    assert line["state"] == "refused"
    assert line["run"] in refused.stderr


def _after_block(text: str, key: str) -> str:
    """What follows the top-level block ``key`` of a YAML text."""
    lines = text[text.index(key) :].splitlines(keepends=True)[1:]
    following = next(n for n, line in enumerate(lines) if line[:1] not in (" ", "#", "\n"))
    return "".join(lines[following:])
