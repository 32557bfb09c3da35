"""What holds of every change, whatever is wrong with its hosts."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.change import BEFORE, TARGET, Fleet, Trouble
from doubles.changing import Change, Killed, MortalLedger
from opsbook.lifecycle.conduct.waves import exhausted, split
from opsbook.model.outcome import Outcome, RunState
from opsbook.model.runbook import Waves

CALLS = ("forecast", "perform", "examine", "undo")
WELL = Trouble()

troubles = st.one_of(
    st.just(WELL),
    st.builds(
        Trouble,
        fails_after=st.none() | st.integers(0, 2),
        lost_after=st.none() | st.integers(0, 2),
        unreachable=st.frozensets(st.sampled_from(CALLS), max_size=1),
        repairable=st.booleans(),
        fails_verification=st.booleans(),
        fails_undo=st.booleans(),
        forgotten=st.booleans(),
    ),
)
ramps = st.fixed_dictionaries(
    {
        "first": st.none() | st.integers(1, 3),
        "factor": st.integers(1, 3),
        "cap": st.integers(1, 5),
        "failure_budget": st.none() | st.integers(0, 3),
    }
)
fleets = st.lists(troubles, min_size=1, max_size=9)


def change_with(wrong: list[Trouble], ramp: dict[str, int | None], on_drift: str) -> Change:
    fleet = Fleet(*(f"a{n}" for n in range(1, len(wrong) + 1)))
    change = Change(fleet, on_drift=on_drift, **ramp)
    for host, trouble in zip(fleet.values(), wrong, strict=True):
        host.trouble = trouble
    return change


@settings(max_examples=300, deadline=None)
@given(wrong=fleets, ramp=ramps, drifted=st.sets(st.integers(1, 9)), on_drift=st.sampled_from(
    ["skip", "stop"]))  # fmt: skip
def test_whatever_is_wrong_no_rule_is_broken(
    wrong: list[Trouble], ramp: dict[str, int | None], drifted: set[int], on_drift: str
) -> None:
    change = change_with(wrong, ramp, on_drift)
    for number in drifted:
        if number <= len(wrong):
            change.fleet[f"a{number}"].state["curl"] = "strange"
    result = change.apply()
    assert_budget_kept(change)
    assert_ends_once(change, closed=result.state is RunState.CLOSED)
    assert_states_fit_outcomes(change)


def assert_budget_kept(change: Change) -> None:
    """No wave begins past the budget, so at most the budget and one wave can be bad."""
    waves = Waves.model_validate(change.plan.content["waves"])
    bad = 0
    spent = False
    for event in change.events("wave.started", "host.finished", "host.verified"):
        if event.kind == "wave.started":
            assert not spent
            size = len(event.payload["hosts"])
        elif event.kind == "host.verified":
            bad += bool(event.payload["failed"])
        else:
            bad += Outcome(event.payload["outcome"]).spends_budget
        spent = exhausted(bad, waves)
    if waves.failure_budget is not None and change.events("wave.started"):
        assert bad <= waves.failure_budget + size


def assert_ends_once(change: Change, *, closed: bool) -> None:
    ends = Counter(event.host for event in change.events("host.finished"))
    undone = Counter(event.host for event in change.events("host.undone"))
    assert set(ends.values()) <= {1}
    assert set(undone.values()) <= {1}
    assert not closed or set(ends) == set(change.fleet)
    assert not any(host.touches.count("keep") > 1 for host in change.fleet.values())


def assert_states_fit_outcomes(change: Change) -> None:
    """A host carries all of the change, or nothing of it, or the record says that it may."""
    carrying = change.history.progress.begun
    for name, outcome in change.outcomes().items():
        host = change.fleet[name]
        if outcome == "changed":
            assert host.state == TARGET
        elif name not in carrying:
            assert host.state in (BEFORE, BEFORE | {"curl": "strange"})


@settings(max_examples=200, deadline=None)
@given(
    wrong=fleets,
    ramp=ramps,
    deaths=st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=4),
)
def test_mended_and_resumed_after_a_stop_every_host_is_as_planned(
    wrong: list[Trouble], ramp: dict[str, int | None], deaths: list[tuple[int, bool]]
) -> None:
    change = change_with(wrong, ramp, "skip")
    process = change.apply
    for at, durable in deaths:
        with suppress(Killed):
            process(MortalLedger(change.ledger, at, durable=durable))
        process = change.resume
        if change.history.state:
            return
    for host in change.fleet.values():
        host.trouble = WELL
    if not change.history.progress.interrupted:
        process(None)
    if change.history.progress.interrupted:
        assert change.resume().state is RunState.CLOSED
        assert set(change.outcomes().values()) == {"changed"}
        assert change.fleet.states() == dict.fromkeys(change.fleet, TARGET)
    assert change.history.state


@given(hosts=st.integers(0, 60), ramp=ramps, cut=st.integers(0, 20))
def test_the_rest_of_a_ramp_is_what_it_would_have_been(
    hosts: int, ramp: dict[str, int | None], cut: int
) -> None:
    waves = Waves.model_validate(ramp)
    names = [f"h{n}" for n in range(hosts)]
    whole = split(names, waves)
    taken = whole[:cut]
    left = names[sum(len(wave) for wave in taken) :]
    assert split(left, waves, len(taken)) == whole[cut:]
