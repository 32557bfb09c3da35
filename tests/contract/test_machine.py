"""The machine of the lab and its double behave alike where the lab relies on it."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from doubles.machine import FakeMachine
from opsbook.lab.machine import LinuxMachine, Machine, Process


@pytest.fixture(params=[LinuxMachine, FakeMachine])
def machine(request: pytest.FixtureRequest) -> Machine:
    made: Machine = request.param()
    return made


def _find(machine: Machine, word: str) -> Process | None:
    found = [one for one in machine.processes() if word in one.argv]
    return found[0] if found else None


def test_a_program_that_is_not_there_ends_with_127(machine: Machine) -> None:
    assert machine.run(["no-such-program-here"]).status == 127


def test_a_detached_process_is_found_by_its_words_and_killed(
    machine: Machine, tmp_path: Path
) -> None:
    word = f"mark={tmp_path}"
    machine.detach(["sh", "-c", "sleep 60; :", word], tmp_path / "log")
    process = _find(machine, word)
    deadline = time.monotonic() + 5
    while process is None and time.monotonic() < deadline:
        process = _find(machine, word)
    assert process is not None
    machine.kill(process, signal.SIGKILL)
    while _find(machine, word) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _find(machine, word) is None


def test_a_later_process_with_the_same_id_is_left_alone(machine: Machine, tmp_path: Path) -> None:
    word = f"mark={tmp_path}"
    machine.detach(["sh", "-c", "sleep 60; :", word], tmp_path / "log")
    deadline = time.monotonic() + 5
    while (process := _find(machine, word)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process is not None
    machine.kill(Process(process.pid, process.started + 1, process.argv), signal.SIGKILL)
    time.sleep(0.05)
    assert _find(machine, word) == process
    machine.kill(process, signal.SIGKILL)


def test_killing_what_has_ended_is_no_fault(machine: Machine) -> None:
    machine.kill(Process(2**22 - 1, 1, ("gone",)), signal.SIGKILL)


def test_a_command_that_does_not_end_is_stopped() -> None:
    assert LinuxMachine().run(["sleep", "60"], timeout=0.2).status == 124
