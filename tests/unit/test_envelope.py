"""What an envelope allows and what steps outside of it, one rule at a time and at random."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.approval.envelope import beforehand, in_range, open_window, outside, read_range
from opsbook.calendars.days import Calendars
from opsbook.model.base import Bilingual
from opsbook.model.runbook import Parameter

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
CALENDARS = Calendars(ZoneInfo("Asia/Shanghai"), frozenset(range(5)))
WAVES = {"first": 1, "factor": 2, "cap": 2, "failure_budget": 0}
ALWAYS = {"kind": "always", "words": {"text": "at any time", "params": {}}}
NIGHT = {"kind": "recurring", "name": "n", "days": ["sat"], "from": "22:00", "to": "06:00",
         "words": {"text": "at night", "params": {}}}  # fmt: skip
ENVELOPE: dict[str, Any] = {
    "estate": {"name": "small"},
    "runbook": {"name": "restart"},
    "inputs": {"code": {"engine": "sha256:1", "roles": "sha256:2"}},
    "envelope": {
        "hosts": ["web1", "web2", "web3"],
        "ranges": {"service": {"values": ["nginx", "tomcat"]},
                   "seconds": {"minimum": 1, "maximum": 60}},
        "windows": [ALWAYS],
        "limits": {"hosts_per_run": 2, "items_per_host": 2},
        "waves": WAVES,
        "until": "2026-12-31T16:00:00.000000Z",
    },
}  # fmt: skip
HOST = {"outlook": "change", "items": [{}]}
PLAN: dict[str, Any] = {
    "estate": {"name": "small"},
    "runbook": {"name": "restart"},
    "hosts": ["web1", "web2"],
    "parameters": {"service": {"value": "nginx"}, "seconds": {"value": 30}},
    "inputs": {"code": {"engine": "sha256:1", "roles": "sha256:2"}},
    "waves": WAVES,
    "seconds": 600,
    "host_plans": {"web1": HOST, "web2": HOST},
}


def told(plan: dict[str, Any], envelope: dict[str, Any] = ENVELOPE, now: datetime = NOW) -> list:
    return [message.english() for message in outside(envelope, plan, CALENDARS, now)]


def changed(whole: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(whole)
    *steps, last = path.split(".")
    part = result
    for step in steps:
        part = part[step]
    part[last] = value
    return result


def test_a_plan_inside_is_inside() -> None:
    assert told(PLAN) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("estate.name", "other", "estate small"),
        ("runbook.name", "other", "runbook restart"),
        ("hosts", ["web1", "db1"], "db1 is not one of its hosts"),
        ("parameters.service.value", "sshd", "service may not be sshd"),
        ("parameters.seconds.value", 61, "seconds may not be 61"),
        ("parameters.seconds.value", True, "seconds may not be True"),
        ("parameters.seconds.value", "30", "seconds may not be 30"),
        ("parameters.colour", {"value": "red"}, "nothing of the parameter colour"),
        ("inputs.code.roles", "sha256:3", "the code of roles changed, so it must be signed again"),
        ("inputs.code.more", "sha256:3", "the code of more changed"),
        ("inputs.code", {"engine": "sha256:1"}, "the code of roles changed"),
        ("host_plans.web3", HOST, "3 hosts would change and it allows 2"),
        ("host_plans.web1", {"outlook": "change", "items": [{}] * 3}, "3 changes on web1"),
        ("waves", {**WAVES, "cap": 50}, "other waves"),
    ],
)
def test_each_step_outside_is_named(path: str, value: Any, said: str) -> None:
    found = told(changed(PLAN, path, value))
    assert len(found) == 1
    assert said in found[0]


def test_hosts_on_which_nothing_changes_do_not_count() -> None:
    calm = {"outlook": "nothing", "items": []}
    assert told(changed(PLAN, "host_plans.web3", calm)) == []


def test_its_end_ends_it_to_the_moment() -> None:
    end = datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert told(PLAN, now=end.replace(hour=15, minute=59)) == []
    assert "it ended at" in told(PLAN, now=end)[0]


def test_one_open_window_is_enough_and_none_tells_the_next_opening() -> None:
    night = changed(ENVELOPE, "envelope.windows", [NIGHT])
    noon = datetime(2026, 11, 21, 4, tzinfo=UTC)
    assert told(PLAN, night) == []
    assert "the next opening is 2026-11-21 22:00 +08:00" in told(PLAN, night, noon)[0]
    both = changed(ENVELOPE, "envelope.windows", [NIGHT, ALWAYS])
    assert told(PLAN, both, noon) == []
    assert open_window(both, CALENDARS, noon, NOW - NOW) == ALWAYS
    assert open_window(night, CALENDARS, noon, NOW - NOW) == NIGHT


def test_work_that_would_run_past_the_window_is_outside() -> None:
    night = changed(ENVELOPE, "envelope.windows", [NIGHT])
    assert "closes at" in told(changed(PLAN, "seconds", 8 * 3600), night)[0]


def test_what_can_be_told_before_hosts_are_looked_at_is_told_before() -> None:
    asked = {key: PLAN[key] for key in PLAN if key not in ("host_plans", "seconds")}
    assert beforehand(ENVELOPE, asked, CALENDARS, NOW) == []
    assert beforehand(ENVELOPE, changed(asked, "hosts", ["db1"]), CALENDARS, NOW)


# --- ranges


def parameter(kind: str, **more: Any) -> Parameter:
    help_ = Bilingual(zh="试", en="try")
    return Parameter(name="p", type=kind, help=help_, example="x", **more)


@pytest.mark.parametrize(
    ("made", "text", "inside", "not_inside"),
    [
        (parameter("string"), "a|b", ["a", "b"], ["c", "", "a|b", "A", None, 1]),
        (parameter("string"), "*", ["a", ""], []),
        (parameter("string"), "1..5", ["1..5"], ["1", "3", 3]),
        (parameter("integer"), "1..5", [1, 5], [0, 6, True, "3", 2.0]),
        (parameter("integer"), "7", [7], [8, "7", True]),
        (parameter("integer"), "1|0", [1, 0], [True, False]),
        (parameter("boolean"), "true", [True], [False, 1, "true"]),
        (parameter("duration"), "10m", ["10m"], ["600s"]),
    ],
)
def test_a_range_is_what_was_written(made, text, inside, not_inside) -> None:
    allowed = read_range(made, text)
    assert all(in_range(allowed, value) for value in inside)
    assert not any(in_range(allowed, value) for value in not_inside)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (parameter("integer"), "5..1"),
        (parameter("integer"), "a..b"),
        (parameter("integer"), "1.."),
        (parameter("integer", minimum=2), "1..5"),
        (parameter("integer", maximum=2), "1|5"),
        (parameter("choice", choices=("a", "b")), "a|c"),
        (parameter("duration"), "soon"),
        (parameter("boolean"), "maybe"),
    ],
)
def test_a_range_beyond_what_the_runbook_allows_is_refused(made: Parameter, text: str) -> None:
    with pytest.raises(ValueError):
        read_range(made, text)


_VALUES = st.one_of(st.text(max_size=8), st.integers(), st.booleans(), st.none())


@given(st.lists(_VALUES, min_size=1, max_size=4), _VALUES)
def test_a_value_is_in_a_range_only_when_it_is_one_of_them_in_kind_too(values, value) -> None:
    expected = any(type(value) is type(one) and value == one for one in values)
    assert in_range({"values": values}, value) == expected


_PATHS = ("estate.name", "runbook.name", "hosts", "inputs.code.engine", "waves",
          "parameters.service.value", "parameters.seconds.value")  # fmt: skip


@given(st.sampled_from(_PATHS), st.text(alphabet="abcxyz019:", min_size=1, max_size=12))
def test_any_other_word_in_any_of_these_places_steps_outside(path: str, word: str) -> None:
    value: Any = [word] if path == "hosts" else {**WAVES, word: 1} if path == "waves" else word
    plan = changed(PLAN, path, value)
    if plan != PLAN and word not in ("nginx", "tomcat"):
        assert told(plan)
