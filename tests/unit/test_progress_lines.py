"""A run without a terminal: one line for each thing that matters, on standard error."""

from __future__ import annotations

import io
import re
import sys

import pytest

from doubles.change import Fleet, Trouble
from doubles.changing import Change
from doubles.clock import FakeClock
from opsbook.cli.progress import watcher_for
from opsbook.cli.words import PHASES, word


@pytest.mark.parametrize("to_json", [False, True])
def test_waves_and_hosts_are_told_as_they_go_and_standard_output_stays_empty(
    to_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = Fleet("a1", "a2", "a3")
    change = Change(fleet, first=1, cap=2, failure_budget=1)
    fleet["a2"].trouble = Trouble(fails_verification=True)
    with watcher_for(FakeClock(), to_json=to_json) as watcher:
        watcher.opened(change.run, change.plan.content)
        change.watcher = watcher
        change.apply()
    out, said = capsys.readouterr()
    lines = [line.split(": ")[0] for line in said.splitlines()]
    assert lines == [
        change.run, "Wave 1 begins", "a1", "Wave 1 is through", "Wave 2 begins", "a2", "a3", "a2",
        "Wave 2 is through", "a2 did not pass its verification.", change.run,
    ]  # fmt: skip
    assert "Wave 1 is through: changed 1; verified: 1" in said
    assert "Wave 2 is through: failed 1, changed 1; verified: 1" in said
    assert "\r" not in said
    assert out == ""


def test_a_line_is_there_before_the_next_thing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    error = io.TextIOWrapper(io.BytesIO(), line_buffering=True)
    monkeypatch.setattr(sys, "stderr", error)
    fleet = Fleet("a1", "a2")
    change = Change(fleet, first=1, cap=1)
    seen: list[bytes] = []
    fleet.before_touch = lambda host, point: seen.append(error.buffer.getvalue())  # type: ignore[attr-defined]
    with watcher_for(FakeClock()) as change.watcher:
        change.apply()
    assert seen[0].endswith(b"Wave 1 begins: a1\n")
    assert b"Wave 1 is through" in seen[-1]


def test_of_a_great_wave_the_first_hosts_are_named_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with watcher_for(FakeClock()) as watcher:
        watcher.wave_started(3, [f"web{number}" for number in range(500)])
    assert capsys.readouterr().err.endswith("web19 and 480 more\n")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_change_has_its_title_on_one_line_and_no_columns_of_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = _Terminal()
    monkeypatch.setattr(sys, "stderr", error)
    monkeypatch.setenv("COLUMNS", "80")
    change = Change(Fleet("a1"), first=1, cap=1)
    with watcher_for(FakeClock()) as watcher:
        watcher.opened(change.run, change.plan.content)
        change.watcher = watcher
        change.apply()
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", error.getvalue()).splitlines()
    title, heading, host, _ = said[-4:]
    assert title.startswith(change.run)
    assert title.endswith(change.plan.content["estate"]["name"])
    assert heading.split() == ["host", "state", "what"]
    assert host.split()[:2] == ["a1", "changed"]


@pytest.mark.parametrize("phase", ["apply", "undo", "examine", "verify", "collect", "retain"])
def test_what_a_host_is_at_is_told_in_words(phase: str) -> None:
    assert word(PHASES, phase) != phase
