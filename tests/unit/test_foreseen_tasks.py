"""From lines told in check mode to items: cases as data, and rules that hold for any lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.execution.ansible.actual import compare
from opsbook.execution.ansible.prediction import MOST_DIFF, foresee, host_plan, keyed, sides
from opsbook.model.plan import Coverage, HostPlan, Outlook

PLAIN: dict[str, Any] = {
    "name": "t", "action": "ansible.builtin.copy", "handler": False, "always": False,
    "changed_when": False, "reads": [], "sets": [], "facts": [], "notify": [], "support": "full",
    "status": "ok", "changed": True, "by_check": False, "hidden": False, "diff": [],
    "message": "", "target": "/etc/x",
}  # fmt: skip


def line(**said: Any) -> dict[str, Any]:
    return PLAIN | said


CASES: dict[str, tuple[dict[str, Any], Coverage | None]] = {
    "a change": ({}, Coverage.PREDICTED),
    "no change": ({"changed": False}, None),
    "no documentation of check mode": ({"support": ""}, Coverage.PREDICTED),
    "support in part": ({"support": "partial"}, Coverage.PARTLY),
    "no support, but ran": ({"support": "none"}, Coverage.UNPREDICTABLE),
    "changed_when": ({"changed_when": True}, Coverage.PARTLY),
    "changed_when says no": ({"changed_when": True, "changed": False}, Coverage.PARTLY),
    "left out": (
        {"status": "skipped", "changed": False, "by_check": True}, Coverage.UNPREDICTABLE),
    "a condition was false": ({"status": "skipped", "changed": False}, None),
    "ignored failure": ({"status": "ignored", "changed": False}, Coverage.PARTLY),
    "a command that would create": (
        {"action": "ansible.builtin.shell", "support": "partial"}, Coverage.UNPREDICTABLE),
    "a read that always runs": (
        {"action": "ansible.builtin.command", "always": True, "changed": False,
         "changed_when": True}, None),
    "a message": ({"action": "ansible.builtin.debug"}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_task_is_foreseen(name: str) -> None:
    said, coverage = CASES[name]
    assert [item.coverage for item in foresee([line(**said)]).items] == (
        [coverage] if coverage else []
    )


def test_a_host_that_was_changed_while_foreseeing_has_a_note() -> None:
    found = foresee([line(always=True)])
    assert "check_mode: false" in found.notes[0].english()


def test_times_of_files_do_not_count_and_values_that_differ_are_told() -> None:
    diff = {"before": {"mode": "0644", "mtime": 1, "path": "/x"},
            "after": {"mode": "0600", "mtime": 2, "path": "/x"}}  # fmt: skip
    assert sides(line(diff=[diff])) == ("mode=0644", "mode=0600")
    later = {"before": diff["before"] | {"mtime": 3}, "after": diff["after"] | {"mtime": 4}}
    assert foresee([line(diff=[diff])]).items == foresee([line(diff=[later])]).items


def test_a_difference_beyond_what_is_shown_is_still_a_difference() -> None:
    def plan(last: str) -> HostPlan:
        text = {"before": "", "after": "\n".join(["x" * 50] * 200 + [last])}
        return host_plan("h", foresee([line(diff=[text])]), undoable=True, seconds=1)

    one, other = plan("a"), plan("b")
    assert len(one.items[0].detail["diff"]) == MOST_DIFF
    assert one.differences(other)


def test_what_comes_after_the_end_of_foresight_is_told_and_no_deviation() -> None:
    failed = line(name="breaks", status="failed", changed=False, message="no")
    plan = host_plan("h", foresee([line(), failed]), undoable=True, seconds=1)
    actual, deviations = compare(plan, [line(), failed | {"status": "ok"}, line(name="later")])
    assert "task:later#1" in actual
    assert deviations == []


def test_an_item_that_went_elsewhere_is_a_deviation() -> None:
    def changed(before: str) -> dict[str, Any]:
        return line(diff=[{"before": {"mode": before}, "after": {"mode": "0600"}}])

    plan = host_plan("h", foresee([changed("0644")]), undoable=True, seconds=1)
    actual, deviations = compare(plan, [changed("0755")])
    assert actual["task:t#1"] == {"changed": True, "before": "mode=0755", "after": "mode=0600"}
    (deviation,) = deviations
    assert deviation.english() == (
        "task t was predicted to go from mode=0644 to mode=0600 and went from mode=0755"
        " to mode=0600"
    )


WORDS = st.sampled_from(["a", "b", "c", "{{ x }}", "名", "\u202e", "x" * 300])
LINES = st.lists(
    st.builds(
        line,
        name=WORDS,
        action=st.sampled_from(
            ["ansible.builtin.copy", "ansible.builtin.shell", "ansible.builtin.debug", "x.y.z"]
        ),
        status=st.sampled_from(["ok", "failed", "skipped", "ignored"]),
        changed=st.booleans(),
        by_check=st.booleans(),
        always=st.booleans(),
        changed_when=st.booleans(),
        handler=st.booleans(),
        support=st.sampled_from(["full", "partial", "none", ""]),
        reads=st.lists(WORDS, max_size=2),
        sets=st.lists(WORDS, max_size=1),
        notify=st.lists(WORDS, max_size=2),
        diff=st.lists(
            st.fixed_dictionaries({"before": st.text(max_size=20), "after": st.text(max_size=20)}),
            max_size=2,
        ),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_whatever_is_told_a_plan_is_json_its_keys_differ_and_no_change_is_lost(
    lines: list[dict[str, Any]],
) -> None:
    found = foresee(lines)
    plan = host_plan("h", found, undoable=True, seconds=1)
    again = HostPlan.from_json("h", json.loads(json.dumps(plan.to_json())))
    assert again.differences(plan) == []
    told = list(keyed(lines))
    failed = next((i for i, (_, one) in enumerate(told) if one["status"] == "failed"), len(told))
    keys = {item.key for item in plan.items}
    assert len(keys) == len(plan.items)
    if plan.outlook is Outlook.CANNOT:
        return
    for key, one in told[:failed]:
        if one["changed"] and one["status"] == "ok" and not one["action"].endswith("debug"):
            assert key in keys
    assert len({key for key, _ in told}) == len(told)


@settings(max_examples=200, deadline=None)
@given(LINES)
def test_a_run_that_does_what_was_foreseen_has_no_deviation(lines: list[dict[str, Any]]) -> None:
    lines = [
        one for one in lines if one["status"] != "failed" and not one["action"].endswith("debug")
    ]
    lines = [one | {"changed": one["changed"] and one["status"] == "ok"} for one in lines]
    plan = host_plan("h", foresee(lines), undoable=True, seconds=1)
    _, deviations = compare(plan, lines)
    assert [m.text for m in deviations if "was not predicted" in m.text] == []
