"""kill -9 at every event of a change and before every touch of a host, then resume.

What is asserted comes from the hosts' own history, not only from events: the same end as without
the death, no finished host touched again, nothing written without undo material on record, and a
host that was caught midway examined before anything else happens to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.change import BEFORE, TARGET, Fleet, Trouble
from doubles.changing import Change, Killed, MortalLedger
from opsbook.model.outcome import RunState

NAMES = ("a1", "a2", "a3", "a4", "a5")
GONE = Trouble(unreachable=frozenset({"forecast", "perform", "examine", "undo"}))


@dataclass(frozen=True)
class Situation:
    """Troubles of hosts in waves of 1, 2 and 2; ``stops``: past the budget."""

    troubles: dict[str, Trouble]
    budget: int = 0
    stops: bool = False
    on_drift: str = "skip"
    drifted: str = ""

    def change(self) -> Change:
        """A fresh one."""
        fleet = Fleet(*NAMES)
        change = Change(
            fleet, on_drift=self.on_drift, first=1, factor=2, cap=2, failure_budget=self.budget
        )
        for name, trouble in self.troubles.items():
            fleet[name].trouble = trouble
        if self.drifted:
            fleet[self.drifted].state["curl"] = "strange"
        guard(change)
        return change


SITUATIONS = {
    "all well": Situation({}),
    "a failure within the budget": Situation({"a3": Trouble(fails_after=1)}, 1),
    "a failure past the budget": Situation({"a3": Trouble(fails_after=2)}, stops=True),
    "verification fails": Situation({"a2": Trouble(fails_verification=True)}, 1),
    "verification fails past the budget": Situation(
        {"a4": Trouble(fails_verification=True)}, stops=True
    ),
    "an undo fails": Situation({"a2": Trouble(fails_after=1, fails_undo=True)}, 1),
    "a host is lost midway": Situation({"a3": Trouble(lost_after=1)}, 1),
    "a host is gone": Situation({"a3": GONE}, 1),
    "hosts are gone past the budget": Situation({"a2": GONE, "a3": GONE}, 1, stops=True),
    "a host drifted": Situation({}, drifted="a3"),
    "a host drifted and the plan stops then": Situation({}, drifted="a3", on_drift="stop"),
}


def guard(change: Change, also: Callable[[str, str], None] = lambda host, point: None) -> None:
    """At every write the ledger must already know what undo has to work with."""
    run = change.run

    def before_touch(host: str, point: str) -> None:
        also(host, point)
        if point.startswith(("set", "back")):
            known = change.ledger.events(run=run, kinds=["host.prepared"])
            assert host in {event.host for event in known}, f"{point} on {host} without undo"

    change.fleet.before_touch = before_touch


@cache
def without_death(name: str) -> Change:
    """How the situation ends when nobody dies."""
    change = SITUATIONS[name].change()
    change.apply()
    return change


def appends_of(situation: Situation) -> int:
    change = situation.change()
    counting = MortalLedger(change.ledger)
    change.apply(counting)
    return counting.appends


def touches_of(situation: Situation) -> int:
    change, points = situation.change(), []
    guard(change, lambda host, point: points.append(point))
    change.apply()
    return len(points)


def deaths() -> Iterator[object]:
    for name, situation in SITUATIONS.items():
        for at in range(1, appends_of(situation) + 1):
            for moment in ("before", "after"):
                yield pytest.param(name, at, moment, id=f"{name}, {moment} event {at}")
        for at in range(1, touches_of(situation) + 1):
            yield pytest.param(name, at, "touch", id=f"{name}, touch {at}")


def kill(change: Change, process: Callable[[MortalLedger], object], at: int, moment: str) -> bool:
    """Let ``process`` die at its ``at``-th event or touch; False when it ended before that."""
    mortal = MortalLedger(change.ledger, 0 if moment == "touch" else at, durable=moment == "after")
    left = [at]

    def count(host: str, point: str) -> None:
        left[0] -= 1
        if moment == "touch" and left[0] == 0:
            mortal.kill()

    guard(change, count)
    try:
        process(mortal)
    except Killed:
        return True
    finally:
        guard(change)
    return False


@pytest.mark.parametrize(("name", "at", "moment"), list(deaths()))
def test_death_then_resume_ends_as_if_nothing_had_happened(name: str, at: int, moment: str) -> None:
    situation = SITUATIONS[name]
    undisturbed, change = without_death(name), situation.change()
    assert kill(change, change.apply, at, moment)
    go_on(change)
    assert_the_same_end(situation, undisturbed, change)
    assert_sound(change)


def go_on(change: Change) -> None:
    """Resume, unless the death came when all was said; what is finished may not be touched."""
    history = change.history
    if history.state or history.progress.interrupted:
        return
    so_far = history.progress
    caught = {name for name in so_far.begun if name not in so_far.outcomes}
    settled = {
        name: list(host.touches)
        for name, host in change.fleet.items()
        if name in so_far.outcomes and (name in so_far.undone or name not in so_far.wave)
    }
    change.work.calls.clear()
    change.resume()
    for name, touches in settled.items():
        assert change.fleet[name].touches == touches, f"{name} was finished"
    for name in caught:
        assert_looked_at_first(change, name)
    for host in change.record["hosts"]:
        if [one["standing"] for one in host["examined"]] == ["done"]:
            assert host["evidence"]["actual"], "what the look found is in the record"


def assert_looked_at_first(change: Change, name: str) -> None:
    """Caught midway: the first that happens to it is an examination, or it is brought back."""
    calls = [call for call, hosts in change.work.calls if name in hosts]
    assert calls[:1] in (["examine"], ["undo"]), calls


def assert_the_same_end(situation: Situation, undisturbed: Change, change: Change) -> None:
    assert change.fleet.states() == undisturbed.fleet.states()
    assert change.dossier["state"] == undisturbed.dossier["state"]
    assert change.dossier["runs"][0]["state"] == undisturbed.dossier["runs"][0]["state"]
    assert change.dossier["runs"][0]["exit"] == undisturbed.dossier["runs"][0]["exit"]
    if not situation.stops:
        assert change.outcomes() == undisturbed.outcomes()
        return
    for name, outcome in undisturbed.outcomes().items():
        if outcome == "changed" or change.outcomes()[name] == "changed":
            assert change.outcomes()[name] == outcome


def assert_sound(change: Change) -> None:
    """Every end once, every undo once, no write twice, and the ledger holds together."""
    ends = Counter(event.host for event in change.events("host.finished"))
    undone = Counter(event.host for event in change.events("host.undone"))
    assert set(ends.values()) <= {1}
    assert set(undone.values()) <= {1}
    assert len(change.events("run.stopped")) <= 1
    for host in change.fleet.values():
        assert len(host.touches) == len(set(host.touches)), host.touches
    change.ledger.tables.checkpoints.clear()
    change.ledger.checkpoint()
    record = change.record
    assert {h["name"]: h["outcome"] or "" for h in record["hosts"] if h["finished"]} == {
        name: outcome for name, outcome in change.outcomes().items() if name in ends
    }


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(sorted(SITUATIONS)),
    moments=st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from(["before", "after", "touch"])),
        min_size=2,
        max_size=4,
    ),
)
def test_killed_again_and_again_it_still_ends_the_same(
    name: str, moments: list[tuple[int, str]]
) -> None:
    situation = SITUATIONS[name]
    undisturbed, change = without_death(name), situation.change()
    process: Callable[[MortalLedger], object] = change.apply
    for at, moment in moments:
        if not kill(change, process, at, moment):
            break
        if change.history.state or change.history.progress.interrupted:
            break
        process = change.resume
    go_on(change)
    assert_the_same_end(situation, undisturbed, change)
    assert_sound(change)


@pytest.mark.parametrize("at", range(1, touches_of(Situation({})) + 1))
def test_a_host_that_cannot_be_completed_is_brought_back(at: int) -> None:
    change = Situation({name: Trouble(repairable=False) for name in NAMES}, budget=1).change()
    kill(change, change.apply, at, "touch")
    midway = [name for name, h in change.fleet.items() if h.state not in (BEFORE, TARGET)]
    go_on(change)
    for name, host in change.fleet.items():
        assert host.state == (BEFORE if name in midway else TARGET)
        assert change.outcomes()[name] == ("failed" if name in midway else "changed")


@pytest.mark.parametrize("at", range(1, touches_of(Situation({})) + 1))
def test_a_host_caught_midway_that_cannot_be_examined_is_left_alone(at: int) -> None:
    change = Situation({}, budget=1).change()
    kill(change, change.apply, at, "touch")
    so_far = change.history.progress
    caught = {name for name in so_far.begun if name not in so_far.outcomes}
    touched = {name: list(change.fleet[name].touches) for name in caught}
    for name in caught:
        change.fleet[name].trouble = Trouble(unreachable=frozenset({"examine"}))
    change.resume()
    for name, touches in touched.items():
        assert change.outcomes()[name] == "unreachable"
        assert change.fleet[name].touches == touches
    assert sum(outcome == "changed" for outcome in change.outcomes().values()) == 5 - len(caught)
    change.undo()
    assert change.fleet.states() == dict.fromkeys(NAMES, BEFORE)


def applied() -> Change:
    change = Situation({}).change()
    change.apply()
    return change


def touches_of_undo() -> int:
    change, points = applied(), []
    guard_undo(change, lambda host, point: points.append(point))
    change.undo()
    return len(points)


def guard_undo(change: Change, hook: Callable[[str, str], None]) -> None:
    change.fleet.before_touch = hook


@pytest.mark.parametrize("moment", ["before", "after", "touch"])
def test_an_undo_killed_anywhere_is_finished_by_a_resume(moment: str) -> None:
    at = 0
    while True:
        at += 1
        change = applied()
        mortal = MortalLedger(
            change.ledger, 0 if moment == "touch" else at, durable=moment == "after"
        )
        left = [at]

        def count(host: str, point: str, mortal=mortal, left=left) -> None:  # type: ignore[no-untyped-def]
            left[0] -= 1
            if moment == "touch" and left[0] == 0:
                mortal.kill()

        guard_undo(change, count)
        try:
            change.undo(ledger=mortal)
        except Killed:
            guard_undo(change, lambda host, point: None)
            if not change.history.state:
                change.resume()
            assert change.fleet.states() == dict.fromkeys(NAMES, BEFORE)
            assert change.dossier["state"] == "undone"
            assert set(change.outcomes().values()) <= {"changed", "ok"}
            continue
        assert at > 10
        assert change.results[-1].state is RunState.CLOSED
        return
