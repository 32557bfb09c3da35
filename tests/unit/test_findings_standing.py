"""What the looks of scanners make of one finding."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from opsbook.domains.hardening.store.model import State
from opsbook.domains.hardening.store.standing import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    RESULTS,
    SEVERITIES,
    Judge,
    Standing,
    Taken,
    Word,
    comparable,
)
from opsbook.model.finding import Result, Severity

CASES = YAML(typ="safe").load(Path(__file__).with_name("cases") / "findings" / "standing.yml")
USUAL = {"scanner": "ssg", "content": "cis", "version": "1", "profile": "l1", "credentialed": True,
         "passes": 10, "others": 0, "inapplicable": 0, "whole": True}  # fmt: skip


def judged(looks: list[dict[str, Any]]) -> Standing | None:
    """What stands after ``looks`` (see the file of cases), one after the other."""
    taken, words = [], []
    for number, given_look in enumerate(looks, 1):
        look = USUAL | given_look
        tally = Counter({PASS: look["passes"], FAIL: look["others"]})
        tally[NOT_APPLICABLE] += look["inapplicable"]
        if "result" in look:
            result = RESULTS.index(Result(look["result"]))
            tally[result] += 1
            words.append(Word(number, look["scanner"], result, number % 5, number))
        told = {look["scanner"]: +tally} if +tally else {}
        taken.append(Taken(number, number * 10, look["scanner"], look["content"], look["version"],
                           look["profile"], look["credentialed"], told, look["whole"]))  # fmt: skip
    return Judge(taken).standing(words)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_finding_stands_as_its_looks_say(case: dict[str, Any]) -> None:
    found = judged(case["looks"])
    assert (found.state.value if found else None) == case["state"]


def test_times_are_those_of_the_looks_at_which_it_failed() -> None:
    found = judged([{"result": "pass"}, {"result": "fail"}, {"result": "fail"}, {"result": "pass"}])
    assert found is not None
    assert (found.state, found.first, found.last) == (State.FIXED, 20, 30)


def test_the_severity_is_the_gravest_of_those_that_find_it_now() -> None:
    grave, light = SEVERITIES.index(Severity.CRITICAL), SEVERITIES.index(Severity.LOW)
    looks = [Taken(1, 1, "a", tallies={"a": {FAIL: 1}}), Taken(2, 2, "a", tallies={"a": {FAIL: 1}}),
             Taken(3, 3, "b", tallies={"b": {FAIL: 1}})]  # fmt: skip
    words = [Word(1, "a", FAIL, grave, 1), Word(2, "a", FAIL, light, 2),
             Word(3, "b", FAIL, light, 3)]  # fmt: skip
    found = Judge(looks).standing(words)
    assert found is not None
    assert found.severity == light
    assert Judge(looks).standing(words[:1]) is not None


def test_of_two_rules_of_one_look_the_one_that_fails_counts() -> None:
    look = Taken(1, 1, "a", tallies={"a": {FAIL: 1, PASS: 1}})
    found = Judge([look]).standing([Word(1, "a", PASS, 0, 1), Word(1, "a", FAIL, 0, 2)])
    assert found is not None
    assert (found.state, found.rule) == (State.OPEN, 2)


_LOOK = st.fixed_dictionaries(
    {},
    optional={
        "result": st.sampled_from([result.value for result in Result]),
        "scanner": st.sampled_from(["ssg", "lynis"]),
        "version": st.sampled_from(["1", "2"]),
        "credentialed": st.sampled_from([True, False, None]),
        "passes": st.sampled_from([0, 10]),
        "inapplicable": st.sampled_from([0, 40]),
    },
)


@given(st.lists(_LOOK, min_size=1, max_size=6))
def test_what_failed_is_never_forgotten_nor_closed_by_silence(looks: list[dict[str, Any]]) -> None:
    found = judged(looks)
    failed = any(look.get("result") == "fail" for look in looks)
    if not failed:
        assert found is None or found.state in (State.UNDECIDED, State.NOTED)
        return
    assert found is not None
    if looks[-1].get("result") == "fail":
        assert found.state is State.OPEN
    if found.state is State.FIXED:
        last = max(n for n, look in enumerate(looks) if look.get("result") == "fail")
        assert any(
            look.get("result") == "pass" or "result" not in look for look in looks[last + 1 :]
        )


@given(_LOOK, _LOOK)
def test_a_look_is_comparable_with_itself_and_only_differences_are_named(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    def taken(look: dict[str, Any]) -> Taken:
        return Taken(1, 1, "f", "c", look.get("version", "1"), "p", look.get("credentialed", True))

    assert comparable(taken(one), taken(one)) is None
    same = comparable(taken(one), taken(other)) is None
    assert not (same and one.get("version", "1") != other.get("version", "1"))
