"""Rules of controls and the judging of what a host told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opsbook.domains.hardening.controls.judge import judge, offenders
from opsbook.domains.hardening.controls.observed import Answers, Observation, read_answers
from opsbook.domains.hardening.controls.rules import Rule
from opsbook.domains.hardening.controls.schema import Control
from opsbook.model.finding import Result

SITE = {"days": 90, "names": ("a", "b"), "text": "x,y"}


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"is": "no"}, [["no"], ["no", "no"]], [["yes"], [], ["no", "yes"], ["No"]]),
        ({"is": "no", "any_case": True}, [["No"]], [["yes"]]),
        ({"is": "1", "or_none": True}, [[], ["1"]], [["0"]]),
        ({"one_of": ["a", "b"]}, [["a", "b"]], [["c"], []]),
        ({"not_one_of": ["a"]}, [["b"], []], [["a"], ["b", "a"]]),
        ({"at_most": {"value": "days"}}, [["90"], ["-1"]], [["91"], ["many"], [""], []]),
        ({"at_least": 8}, [["8"]], [["7"], ["8 # nine"]]),
        ({"between": [1, 5]}, [["1"], ["5"]], [["0"], ["6"]]),
        ({"mode": "0640"}, [["640"], ["600"], ["0"]], [["644"], ["4640"], ["rw"], ["9"]]),
        ({"none": True}, [[]], [["x"]]),
        ({"subset_of": {"value": "names"}}, [["a,b"], ["b a"], []], [["a,c"]]),
        ({"between": [0, {"value": "days"}]}, [["0"], ["90"]], [["91"]]),
        ({"subset_of": {"value": "text"}}, [["x,y"]], [["z"]]),
        ({"not_one_of": ["none"]}, [["x"]], [["(not reloaded)"]]),
        ({"includes": ["a"]}, [["b", "a"]], [["b"], []]),
        ({"matches": "[ab]+"}, [["ab"]], [["abc"], []]),
    ],
)
def test_a_rule_holds_of_what_is_good_and_of_nothing_else(
    rule: dict[str, Any], good: list[list[str]], bad: list[list[str]]
) -> None:
    read = Rule.model_validate(rule)
    assert [values for values in good if not read.holds(values, SITE)] == []
    assert [values for values in bad if read.holds(values, SITE)] == []
    assert read.wanted(SITE)


@pytest.mark.parametrize(
    "rule", [{}, {"is": "a", "none": True}, {"is": True}, {"matches": "("}, {"is": {"vlaue": "x"}}]
)
def test_a_rule_that_is_none_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(rule)


def control(**more: Any) -> Control:
    words = {"zh": "x", "en": "x"}
    data: dict[str, Any] = {
        "schema": 1, "key": "a.b", "title": words, "why": words, "severity": "low",
        "expect": {"configured.x": {"is": "no"}, "effective.x": {"is": "no"}},
        "steps": [{"kind": "sshd_option", "option": "X", "value": "no"}],
        "risk": {"disruption": "none"}, "undo": {"kind": "full"}, "check": "true\n",
    }  # fmt: skip
    return Control.model_validate(data | more)


def told(*lines: str) -> Answers:
    return read_answers("\n".join(lines)).controls["a.b"]


@pytest.mark.parametrize(
    ("lines", "result"),
    [
        (["see\ta.b\tconfigured\tx\t\tno", "see\ta.b\teffective\tx\t\tno"], Result.PASS),
        (["see\ta.b\tconfigured\tx\t\tno", "see\ta.b\teffective\tx\t\tyes"], Result.FAIL),
        (["see\ta.b\tconfigured\tx\t\tno", "none\ta.b\teffective\tx"], Result.FAIL),
        (["see\ta.b\tconfigured\tx\t\tno"], Result.UNKNOWN),
        (["cannot\ta.b\tnot_root", "see\ta.b\tconfigured\tx\t\tno"], Result.ERROR),
        (["not_applicable\ta.b\tcontainer"], Result.NOT_APPLICABLE),
    ],
)
def test_what_was_not_seen_is_never_taken_for_good(lines: list[str], result: Result) -> None:
    assert judge(control(), told(*lines, "ran\ta.b"), {}).result is result
    if result is Result.PASS:
        assert judge(control(), told(*lines), {}).result is Result.ERROR


def test_a_control_of_which_nothing_was_told_was_not_checked() -> None:
    assert judge(control(), None, {}).result is Result.NOT_CHECKED


def test_good_files_and_a_bad_daemon_are_configured_but_not_in_effect() -> None:
    lines = ["see\ta.b\tconfigured\tx\t\tno", "see\ta.b\teffective\tx\t\tstale", "ran\ta.b"]
    verdict = judge(control(), told(*lines), {})
    assert verdict.not_in_effect
    assert verdict.observed == "configured.x: no; effective.x: stale"
    assert verdict.wanted == "configured.x: no; effective.x: no"


def test_more_values_than_are_kept_are_never_a_pass() -> None:
    lines = ["see\ta.b\tconfigured\tx\t\tno", "see\ta.b\teffective\tx\t\tno"] * 3000
    assert judge(control(), told(*lines, "ran\ta.b"), {}).result is Result.ERROR


def test_a_step_gets_the_users_that_break_the_rule() -> None:
    ours = control(
        expect={"effective.max_days": {"at_most": {"value": "days"}}},
        values={
            "days": {"type": "integer", "default": 90, "help": {"zh": "x", "en": "x"}},
        },
        steps=[
            {"kind": "account", "users_from": "effective.max_days", "max_days": {"value": "days"}}
        ],
    )
    answers = told(
        "see\ta.b\teffective\tmax_days\tann\t99999", "see\ta.b\teffective\tmax_days\tbob\t30"
    )
    site = ours.site_values({"days": 60})
    found = offenders(ours, answers, "effective.max_days", site)
    assert [one.of for one in found] == ["ann"]


@given(st.text())
def test_no_output_of_a_host_breaks_the_reading(text: str) -> None:
    read_answers(text)


@given(st.lists(st.text("\t\nsen\x1b{}a.b01", max_size=12), max_size=20))
def test_lines_that_look_like_ours_do_not_break_the_reading(lines: list[str]) -> None:
    answers = read_answers("\n".join(lines))
    for one in answers.controls.values():
        judge(control(), one, {})


def test_a_value_keeps_its_tabs_and_the_host_is_told() -> None:
    text = "host\t1\tdebian\t12\tdebian\t1\t1\nsee\ta.b\tconfigured\tx\tf\to\tp\nend\n"
    answers = read_answers(text)
    assert answers.controls["a.b"].seen["configured.x"] == [Observation("o\tp", "f")]
    assert (answers.os, answers.container, answers.complete) == ("debian", True, True)
