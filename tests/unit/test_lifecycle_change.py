"""A change on in-memory hosts: gates, drift, failures, budgets, undo, and going on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from doubles.change import BEFORE, TARGET, Fleet, Trouble
from doubles.changing import Change, Killed, MortalLedger
from doubles.run import holder
from opsbook.model.errors import Refused
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg
from opsbook.model.outcome import RunState

FAILS = Trouble(fails_after=1)
LOST = Trouble(lost_after=1)
GONE = Trouble(unreachable=frozenset({"forecast", "perform", "examine", "undo"}))
UNVERIFIED = Trouble(fails_verification=True)
STUCK = Trouble(fails_after=1, fails_undo=True)


@dataclass(frozen=True)
class Situation:
    """What is wrong with which host, and what has to come of it (hosts a1 ... a7, waves 1 2 4)."""

    name: str
    troubles: dict[str, Trouble]
    budget: int | None
    outcomes: str
    exit: Exit
    becomes: str
    changed: str
    problems: tuple[str, ...] = field(default=())


SITUATIONS = [
    Situation("all is well", {}, 0, "c c c c c c c", Exit.CHANGED, "applied", "1234567"),
    Situation(
        "a failure within the budget is undone alone",
        {"a3": FAILS}, 1, "c c f c c c c", Exit.HOST_FAILED, "failed", "124567",
    ),
    Situation(
        "a failure past the budget undoes its wave and stops",
        {"a3": FAILS}, 0, "c u f - - - -", Exit.HOST_FAILED, "stopped", "1",
    ),
    Situation(
        "failures of different waves add up",
        {"a2": FAILS, "a5": FAILS}, 1, "c f c u f u u", Exit.HOST_FAILED, "stopped", "13",
    ),
    Situation(
        "unreachable hosts count",
        {"a2": GONE, "a3": GONE}, 1, "c n n - - - -", Exit.HOST_UNREACHABLE, "stopped", "1",
    ),
    Situation(
        "past the budget before anything is written the wave is not begun",
        {"a2": GONE}, 0, "c n - - - - -", Exit.HOST_UNREACHABLE, "stopped", "1",
    ),
    Situation(
        "a host lost midway is left alone",
        {"a2": LOST}, 1, "c n c c c c c", Exit.HOST_UNREACHABLE, "failed", "1234567",
    ),
    Situation(
        "a host that does not pass its verification is undone",
        {"a4": UNVERIFIED}, 1, "c c c f c c c", Exit.HOST_FAILED, "failed", "123567",
    ),
    Situation(
        "verification failing past the budget undoes the wave",
        {"a4": UNVERIFIED}, 0, "c c c f u u u", Exit.HOST_FAILED, "stopped", "123",
    ),
    Situation(
        "an undo that fails is told",
        {"a3": STUCK}, 1, "c c f c c c c", Exit.HOST_FAILED, "failed", "1234567",
        ("a3 could not be brought back: scripted: failed",),
    ),
    Situation(
        "a good host whose undo fails has failed",
        {"a2": Trouble(fails_undo=True), "a3": FAILS}, 0,
        "c f f - - - -", Exit.HOST_FAILED, "stopped", "12",
        ("a2 could not be brought back: scripted: failed",),
    ),
    Situation(
        "a host the work forgot has failed",
        {"a2": Trouble(forgotten=True)}, 1, "c f c c c c c", Exit.HOST_FAILED, "failed", "134567",
    ),
    Situation(
        "without a budget nothing stops the run",
        {f"a{n}": FAILS for n in range(1, 8)}, None,
        "f f f f f f f", Exit.HOST_FAILED, "failed", "",
    ),
]  # fmt: skip
LETTERS = {
    "c": "changed",
    "f": "failed",
    "u": "undone",
    "n": "unreachable",
    "-": "",
    "r": "refused",
}


@pytest.mark.parametrize("case", SITUATIONS, ids=lambda case: case.name)
def test_the_change_ends_as_the_table_says(case: Situation) -> None:
    fleet = seven()
    change = Change(fleet, first=1, factor=2, cap=4, failure_budget=case.budget)
    for name, trouble in case.troubles.items():
        fleet[name].trouble = trouble
    result = change.apply()
    assert list(change.outcomes().values()) == [LETTERS[c] for c in case.outcomes.split()]
    assert result.exit is case.exit
    assert change.dossier["state"] == case.becomes
    carrying = [name for name, host in fleet.items() if host.state != BEFORE]
    assert carrying == [f"a{n}" for n in case.changed]
    told = [problem.english() for problem in result.problems]
    assert all(any(line in each for each in told) for line in case.problems)
    assert change.dossier["runs"][0]["exit"] == int(case.exit)


def seven() -> Fleet:
    return Fleet(*(f"a{n}" for n in range(1, 8)))


def test_the_record_tells_why_it_stopped_and_how_the_wave_was_brought_back() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=0)
    fleet["a3"].trouble = FAILS
    result = change.apply()
    assert result.state is RunState.INTERRUPTED
    assert result.problems[0].english() == (
        "More hosts failed than the plan allows (0): their wave was brought back and the rest was"
        " left untouched."
    )
    assert "hosts left: 6; go on with: opsbook resume" in result.problems[-1].english()
    record = change.record
    assert record["deviations"][0]["message"] == result.problems[0].to_json()
    assert [host["undone"] and host["undone"]["outcome"] for host in record["hosts"][:4]] == [
        None, "changed", "changed", None
    ]  # fmt: skip
    assert [host["outcome"] for host in record["hosts"][1:3]] == ["undone", "failed"]
    assert record["waves"][1]["hosts"] == ["a2", "a3"]
    assert set(record["waves"][1]["seconds"]) == {"examine", "drift", "apply", "verify", "undo"}


def test_a_host_that_could_not_be_reached_is_not_told_as_brought_back() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=0)
    fleet["a3"].trouble = GONE
    assert change.apply().problems[0].english() == (
        "More hosts failed than the plan allows (0): their wave was brought back except a3, which"
        " could not be reached; the rest was left untouched."
    )


def test_resumed_after_a_stop_what_was_not_good_is_taken_again_and_good_hosts_never() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=0)
    fleet["a3"].trouble = FAILS
    change.apply()
    touched = list(fleet["a1"].touches)
    fleet["a3"].trouble = Trouble()
    result = change.resume()
    assert result.exit is Exit.CHANGED
    assert fleet.states() == dict.fromkeys(fleet, TARGET)
    assert fleet["a1"].touches == touched
    assert change.dossier["state"] == "applied"
    (before,) = change.record["hosts"][2]["earlier"]
    assert before["outcome"] == "failed"
    assert before["undone"]["outcome"] == "changed"
    assert change.record["hosts"][2]["undone"] is None


def test_a_stopped_change_that_still_fails_stops_again_with_fresh_budget() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=0)
    fleet["a3"].trouble = FAILS
    change.apply()
    assert change.resume().exit is Exit.HOST_FAILED
    assert change.outcomes()["a2"] == "changed"
    assert change.outcomes()["a3"] == "failed"
    assert fleet["a4"].state == BEFORE
    assert fleet["a5"].touches == []
    assert len(change.events("run.stopped")) == 2


def test_hosts_of_which_the_plan_does_nothing_are_never_reached_and_take_no_place_in_a_wave() -> (
    None
):
    fleet = seven()
    fleet["a1"].state = dict(TARGET)
    change = Change(fleet, first=1, cap=4)
    result = change.apply()
    assert change.outcomes()["a1"] == "skipped"
    assert fleet["a1"].touches == []
    assert [event.payload["hosts"] for event in change.events("wave.started")] == [
        ["a2"], ["a3", "a4"], ["a5", "a6", "a7"]
    ]  # fmt: skip
    assert ("forecast", ("a2",)) in change.work.calls
    assert result.exit is Exit.CHANGED


@pytest.mark.parametrize("on_drift", ["skip", "stop"])
def test_a_host_that_drifted_is_refused_and_named(on_drift: str) -> None:
    fleet = seven()
    change = Change(fleet, on_drift=on_drift, first=1, cap=2, failure_budget=0)
    fleet["a3"].state["curl"] = "7.88.0-custom"
    result = change.apply()
    end = change.record["hosts"][2]
    assert end["outcome"] == "refused"
    (told,) = (Message.from_json(each).english() for each in end["deviations"])
    assert told == (
        "package:curl was planned from 7.88.0 to 7.88.1"
        " and would now go from 7.88.0-custom to 7.88.1"
    )
    assert fleet["a3"].touches == []
    assert result.exit is Exit.REFUSED
    if on_drift == "skip":
        assert result.state is RunState.CLOSED
        assert list(change.outcomes().values()).count("changed") == 6
        return
    assert result.state is RunState.INTERRUPTED
    assert [name for name, host in fleet.items() if host.touches] == ["a1"]
    assert "No longer as planned: a3." in result.problems[0].english()
    fleet["a3"].state["curl"] = BEFORE["curl"]
    assert change.resume().exit is Exit.CHANGED


def closing_after(waves: int, how: Message | Refused) -> Any:
    asked: list[Sequence[str]] = []

    def gate(hosts: Sequence[str]) -> Message | None:
        asked.append(tuple(hosts))
        if len(asked) <= waves:
            return None
        if isinstance(how, Refused):
            raise how
        return how

    gate.asked = asked  # type: ignore[attr-defined]
    return gate


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (msg("The window is over; it opens again at {at}.", at="02:00"), Exit.INTERRUPTED),
        (Refused(msg("The approval no longer stands.")), Exit.REFUSED),
    ],
)
@pytest.mark.parametrize("waves", [0, 1, 2])
def test_a_gate_that_closes_between_waves_leaves_the_rest_untouched(
    how: Any, code: Exit, waves: int
) -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4)
    change.gate = closing_after(waves, how)
    result = change.apply()
    assert (result.state, result.exit) == (RunState.INTERRUPTED, code)
    assert change.dossier["state"] == "stopped"
    assert sum(bool(host.touches) for host in fleet.values()) == [0, 1, 3][waves]
    sentence = how.problem if isinstance(how, Refused) else how
    assert change.record["deviations"][-1]["message"] == sentence.to_json()
    change.gate = closing_after(9, how)
    assert change.resume().exit is Exit.CHANGED
    assert all(len(host.writes) == 3 for host in fleet.values())


def test_the_gate_is_told_the_hosts_of_every_wave() -> None:
    change = Change(seven(), first=1, cap=4)
    change.gate = closing_after(9, msg("closed"))
    change.apply()
    assert change.gate.asked == [("a1",), ("a2", "a3"), ("a4", "a5", "a6", "a7")]


def test_a_host_held_by_another_run_is_busy_and_is_no_failure() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=0)
    change.ledger.alive = lambda who: True
    change.ledger.take("small/host/a2", holder("RUN-other", pid=99))
    assert change.apply().exit is Exit.BUSY
    assert fleet["a2"].touches == []
    assert change.outcomes()["a7"] == "changed"


def test_a_process_that_lost_its_lease_writes_nothing_more() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4)

    def steal(host: str, point: str) -> None:
        if (host, point) == ("a3", "keep"):
            change.ledger.alive = lambda who: who.pid == 99
            change.ledger.take("small/host/a3", holder("RUN-other", pid=99))

    fleet.before_touch = steal
    with pytest.raises(Refused):
        change.apply()
    assert fleet["a3"].writes == []
    assert not any(fleet[name].touches for name in ("a4", "a5", "a6", "a7"))


def test_undo_brings_every_changed_host_back_and_asks_no_gate() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=1)
    fleet["a3"].trouble = FAILS
    fleet["a5"].trouble = LOST
    change.apply()
    change.gate = closing_after(0, msg("closed"))
    result = change.undo()
    assert (result.state, result.exit) == (RunState.CLOSED, Exit.CHANGED)
    assert fleet.states() == dict.fromkeys(fleet, BEFORE)
    assert change.dossier["state"] == "undone"
    assert change.record["phase"] == "undo"


@pytest.mark.parametrize("dies", [False, True])
def test_the_seconds_of_a_run_are_those_at_work_in_all_its_processes_and_not_those_between(
    dies: bool,
) -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=0)
    fleet["a3"].trouble = Trouble() if dies else FAILS
    begun = change.clock.ticks
    fleet.before_touch = lambda host, point: change.clock.advance(1)
    with pytest.raises(Killed) if dies else nullcontext():
        change.apply(MortalLedger(change.ledger, 20 if dies else 0))
    change.clock.advance(86_400)
    fleet["a3"].trouble = Trouble()
    change.resume()
    assert change.record["when"]["seconds"] == change.clock.ticks - begun - 86_400


def test_a_change_undone_on_some_hosts_stays_applied_and_tells_which() -> None:
    change = Change(seven(), first=1, cap=4)
    change.apply()
    applied = change.run
    change.undo(only=["a2", "a5"])
    assert (change.dossier["state"], change.dossier["undone"]) == ("applied", ["a2", "a5"])
    change.run = applied
    change.undo()
    assert change.dossier["state"] == "undone"
    assert len(change.dossier["undone"]) == 7


def test_a_host_that_an_undo_could_not_bring_back_is_not_told_as_undone() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=1)
    change.apply()
    fleet["a2"].trouble = Trouble(fails_undo=True)
    change.undo()
    assert change.dossier["state"] == "failed"
    assert change.dossier["undone"] == ["a1", "a3", "a4", "a5", "a6", "a7"]


def test_an_undo_that_fails_on_too_many_hosts_stops_and_can_be_resumed() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=0)
    change.apply()
    fleet["a2"].trouble = Trouble(fails_undo=True)
    result = change.undo()
    assert (result.state, result.exit) == (RunState.INTERRUPTED, Exit.HOST_FAILED)
    assert change.dossier["state"] == "applied"
    fleet["a2"].trouble = Trouble()
    assert change.resume().exit is Exit.CHANGED
    assert change.dossier["state"] == "undone"
    assert fleet.states() == dict.fromkeys(fleet, BEFORE)


@pytest.mark.parametrize("point", ["forecast", "perform", "keep", "set nginx 1.22.1", "undo"])
def test_asked_to_stop_in_any_phase_it_stops_safely_and_can_be_resumed(point: str) -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=1)
    fleet["a2"].trouble = FAILS

    def signal(host: str, now: str) -> None:
        if now == point and host in ("a2", "a3"):
            change.job.cancelled.set()

    fleet.before_touch = signal
    result = change.apply()
    assert result.state is RunState.INTERRUPTED
    assert not any(fleet[name].touches for name in ("a4", "a5", "a6", "a7"))
    if point == "undo":
        assert fleet["a2"].state == BEFORE
    fleet.before_touch = lambda host, now: None
    fleet["a2"].trouble = Trouble()
    assert change.resume().exit is Exit.CHANGED
    assert fleet.states() == dict.fromkeys(fleet, TARGET)
    assert all(len(host.writes) == 3 for name, host in fleet.items() if name != "a2")


def test_the_time_limit_brings_back_who_was_at_work_and_leaves_the_rest_to_a_resume() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4, failure_budget=1, timeout="1s")

    def hang(host: str, now: str) -> None:
        if (host, now) == ("a2", "set nginx 1.22.1"):
            change.job.cancelled.wait(30)

    fleet.before_touch = hang
    result = change.apply()
    assert (result.state, result.exit) == (RunState.INTERRUPTED, Exit.HOST_FAILED)
    assert fleet["a2"].state == BEFORE
    assert "The time limit 1s ended" in result.problems[0].english()
    fleet.before_touch = lambda host, now: None
    assert change.resume().exit is Exit.CHANGED
    assert fleet.states() == dict.fromkeys(fleet, TARGET)


def test_an_undo_that_hangs_is_ended_by_its_own_limit() -> None:
    fleet = Fleet("a1")
    change = Change(fleet, timeout="1s", failure_budget=1)
    fleet["a1"].trouble = FAILS
    seen = threading.Event()
    original = change.work.undo

    def undo(hosts: Any, job: Any, sink: Any) -> Any:
        assert not job.cancelled.is_set()
        assert job.cancelled.wait(30)
        seen.set()
        return original(hosts, replace(job, cancelled=threading.Event()), sink)

    change.work.undo = undo  # type: ignore[method-assign]
    change.apply()
    assert seen.is_set()


def test_a_host_that_left_the_inventory_is_not_started() -> None:
    fleet = seven()
    change = Change(fleet, first=1, cap=4)
    change.hosts = replace(change.hosts, hosts=change.hosts.hosts[:-1])
    assert change.apply().exit is Exit.INTERRUPTED
    assert change.outcomes()["a7"] == "not_started"
    assert fleet["a7"].touches == []
