"""Right before a host is hardened: what counts as drift; how far it got; what the record says."""

from __future__ import annotations

from typing import Any

import pytest

from doubles.hardening import (
    AGE,
    FORWARD,
    PERMIT,
    TELNET,
    MemoryHost,
    Scene,
    bad,
    finding,
    login,
)
from opsbook.execution.work import Standing
from opsbook.model.errors import HostFailed
from opsbook.model.estate import Host
from opsbook.model.plan import HostPlan

FOUND = ("sshd.permitrootlogin", "login_defs.pass_max_days", "pkg.absent:telnet")


def host(**more: Any) -> MemoryHost:
    """The bad host with something otherwise."""
    made = bad()
    for name, value in more.items():
        setattr(made, name, value)
    return made


def with_state(**more: str) -> MemoryHost:
    things = {"permit": PERMIT, "age": AGE, "telnet": TELNET, "forward": FORWARD}
    return host(state=bad().state | {things[name]: value for name, value in more.items()})


SAME: dict[str, MemoryHost] = {
    "nothing": bad(),
    "something that no control of the plan is about": with_state(forward="0"),
    "another address of ours": host(login=login(source="10.0.0.77")),
    "other accounts": host(accounts={"wang": 1}),
    "a marker that has run out": host(
        more={"lease": {"run": "RUN-2", "change": "CHG-2", "seconds_left": 0}}
    ),
    "our own marker": host(
        more={"lease": {"run": "RUN-9", "change": "CHG-20261121-001", "seconds_left": 60}}
    ),
}


@pytest.mark.parametrize("now", SAME.values(), ids=SAME)
def test_what_is_no_drift(now: MemoryHost) -> None:
    scene = Scene()
    plan = scene.plan(bad(), *FOUND)
    assert [each.english() for each in plan.differences(scene.again(plan, now))] == []


def test_an_approved_plan_is_checked_by_its_own_controls_alone() -> None:
    scene = Scene()
    plan = scene.plan(bad(), *FOUND)
    before, approved = scene.job(["web1"]), scene.job(["web1"], {"web1": plan})
    asked = [scene.planner(job).equipment(job)["script"] for job in (before, approved)]
    assert all(f"_key={key}" in asked[0] for key in scene.catalogue.controls)
    assert {key for key in scene.catalogue.controls if f"_key={key} " in asked[1]} == {*FOUND}


def test_a_new_finding_after_approval_is_no_drift() -> None:
    scene = Scene()
    plan = scene.plan(bad(), *FOUND)
    scene.findings.put("small", finding("sysctl.net.ipv4.ip_forward"))
    assert plan.differences(scene.again(plan, bad())) == []


DRIFT: dict[str, tuple[MemoryHost, str]] = {
    "somebody set it right": (
        with_state(age="90"), "control:login_defs.pass_max_days#1 is no longer foreseen",
    ),
    "somebody set it otherwise": (
        with_state(age="365"), "planned from 99999 to 90 and would now go from 365 to 90",
    ),
    "all of it is done": (
        with_state(age="90", telnet="absent", permit="no"), "all of its steps are done already",
    ),
    "we come in as root now": (
        host(login=login(user="root", uid=0)), "sshd.permitrootlogin would lock opsbook out",
    ),
    "we come in as somebody else": (
        host(login=login(user="zhang")), '"ssh": true, "user": "zhang"} now',
    ),
    "a step is impossible now": (
        host(problems={"pkg.absent:telnet#1": "dpkg is interrupted"}),
        "pkg.absent:telnet: dpkg is interrupted",
    ),
    "another run is at work": (
        host(more={"lease": {"run": "RUN-2", "change": "CHG-2", "seconds_left": 60}}),
        "RUN-2 is at work on it",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("now", "why"), DRIFT.values(), ids=DRIFT)
def test_what_is_drift_and_is_named(now: MemoryHost, why: str) -> None:
    scene = Scene()
    plan = scene.plan(bad(), *FOUND)
    told = "\n".join(each.english() for each in plan.differences(scene.again(plan, now)))
    assert why in told


def test_a_step_that_was_not_needed_and_is_now_is_drift() -> None:
    scene = Scene()
    plan = scene.plan(with_state(age="90"), *FOUND)
    told = [each.english() for each in plan.differences(scene.again(plan, bad()))]
    assert told == ["control:login_defs.pass_max_days#1 is foreseen now and was not planned"]


def stands(scene: Scene, plan: HostPlan, now: MemoryHost) -> tuple[Standing, bool]:
    job = scene.job(["web1"], {"web1": plan})
    survey = now.survey(scene.catalogue.controls, plan.given["steps"])
    found = scene.planner(job).standing("web1", survey, job)
    return found.standing, found.repairable


def journal(state: str, change: str = "CHG-20261121-001") -> dict[str, Any]:
    return {"journal": {"change": change, "state": state}}


def test_how_far_a_host_is_after_a_crash() -> None:
    scene = Scene()
    plan = scene.plan(bad(), *FOUND)
    done = bad().after(plan.given["steps"])
    assert stands(scene, plan, bad()) == (Standing.UNTOUCHED, False)
    assert stands(scene, plan, done) == (Standing.DONE, False)
    assert stands(scene, plan, with_state(age="90")) == (Standing.MIDWAY, True)
    assert stands(scene, plan, with_state(age="60")) == (Standing.MIDWAY, False)
    done.more = journal("applying")
    assert stands(scene, plan, done) == (Standing.MIDWAY, True)
    done.more = journal("applied")
    assert stands(scene, plan, done) == (Standing.DONE, False)
    done.more = journal("applying", "CHG-20200101-001")
    assert stands(scene, plan, done) == (Standing.DONE, False)
    assert stands(scene, plan, host(more=journal("applying"))) == (Standing.MIDWAY, True)
    for nothing_written in ("begun", "prepared", "undone"):
        caught = host(more=journal(nothing_written))
        assert stands(scene, plan, caught) == (Standing.UNTOUCHED, False)


def concluded(scene: Scene, plan: HostPlan, after: MemoryHost) -> tuple[dict[str, Any], list[str]]:
    job = scene.job(["web1"], {"web1": plan})
    survey = after.survey(scene.catalogue.controls, plan.given["steps"])
    survey = {key: survey[key] for key in ("observed", "looks")}
    evidence, told = scene.planner(job).conclude("web1", {"after": survey, "kept": 1}, job)
    return dict(evidence), [each.english() for each in told]


def test_the_record_says_of_every_control_how_it_stood_before_and_after() -> None:
    scene = Scene()
    plan = scene.plan(bad(), *FOUND, "nessus:7")
    evidence, told = concluded(scene, plan, bad().after(plan.given["steps"]))
    assert told == []
    rows = evidence["hardening"]["controls"]
    assert {(row["control"], row["before"]["result"], row["after"]["result"]) for row in rows} == {
        (key, "fail", "pass") for key in FOUND
    }
    assert [row["key"] for row in evidence["hardening"]["manual"]] == ["nessus:7"]
    assert evidence["actual"]["control:pkg.absent:telnet#1"]["changed"] is True
    afterwards = {item.key: item.after for item in plan.items}
    assert {key: row["after"] for key, row in evidence["actual"].items()} == afterwards
    assert evidence["kept"] == 1
    assert "after" not in evidence


def test_what_was_not_brought_about_is_a_deviation() -> None:
    scene = Scene()
    plan = scene.plan(bad(), *FOUND)
    evidence, told = concluded(scene, plan, with_state(age="90", telnet="absent"))
    assert evidence["actual"]["control:sshd.permitrootlogin#1"]["failed"] is True
    assert any("sshd.permitrootlogin was set right and is still not" in each for each in told)


def test_configured_and_not_in_effect_is_a_deviation_of_its_own() -> None:
    scene = Scene()
    plan = scene.plan(bad(), *FOUND)
    job = scene.job(["web1"], {"web1": plan})
    survey = bad().after(plan.given["steps"]).survey(scene.catalogue.controls, plan.given["steps"])
    survey["observed"] = survey["observed"].replace(
        "effective\tpermitrootlogin\t\tno", "effective\tpermitrootlogin\t\tyes"
    )
    evidence, told = scene.planner(job).conclude("web1", {"after": survey}, job)
    assert evidence["hardening"]["not_in_effect"] == ["sshd.permitrootlogin"]
    (deviation,) = (each.english() for each in told)
    assert deviation.startswith("sshd.permitrootlogin is configured but not in effect")
    assert deviation.endswith("effective.permitrootlogin: yes")


HOSTILE: dict[str, Any] = {
    "no schema": {"schema": "x"},
    "looks are no list": {"looks": {}},
    "a look without a name": {"looks": [{"before": "a"}]},
    "a look with a strange name": {"looks": [{"id": "../../etc#1"}]},
    "a text too long": {"looks": [{"id": "a#1", "before": "x" * 9999}]},
    "too many looks": {"looks": [{"id": "a#1"}] * 30000},
    "observed is no text": {"observed": ["x"]},
    "observed without end": {"observed": "x" * (9 * 2**20)},
    "groups are numbers": {"login": {"groups": [1]}},
    "a uid that is none": {"login": {"uid": "0"}},
    "a number out of this world": {"now": 2**70},
}


@pytest.mark.parametrize("more", HOSTILE.values(), ids=HOSTILE)
def test_a_survey_that_is_not_as_it_should_be_is_a_sentence(more: dict[str, Any]) -> None:
    scene = Scene()
    job = scene.job(["web1", "web2"])
    planner = scene.planner(job)
    controls = scene.catalogue.controls
    surveys = {"web1": bad().survey(controls) | more, "web2": bad().survey(controls)}
    planner.asks(surveys, job)
    found = planner.settle(surveys, job)
    assert isinstance(found["web1"], HostFailed)
    assert isinstance(found["web2"], HostPlan)


def test_what_hosts_say_is_told_as_a_value_and_never_read_as_a_place() -> None:
    made = with_state(age="{control} {{ 1 + 1 }} $(id) \x1b[2J")
    plan = Scene().plan(made, "login_defs.pass_max_days")
    (item,) = plan.items
    assert item.before == "{control} {{ 1 + 1 }} $(id)  [2J"
    assert "\x1b" not in str(plan.to_json())


def test_a_host_that_does_not_say_what_its_steps_would_do_has_no_plan() -> None:
    scene = Scene()
    scene.findings.put("small", finding("pkg.absent:telnet"))
    job = scene.job(["web1"])
    planner = scene.planner(job)
    surveys = {"web1": bad().survey(scene.catalogue.controls)}
    assert planner.asks(surveys, job).keys() == {"web1"}
    planner.learn({}, job)
    found = planner.settle(surveys, job)["web1"]
    assert isinstance(found, HostFailed)
    assert "did not say what pkg.absent:telnet#1 would do" in found.problem.english()


TWO = """
- key: a.first
  severity: high
  expect: {effective.x: {is: present}}
  steps:
    - {kind: sysctl, name: a, value: "1"}
    - {kind: sysctl, name: b, value: "1"}
- key: b.second
  severity: low
  expect: {effective.x: {is: present}}
  steps: [{kind: sysctl, name: c, value: "1"}]
"""


def test_when_a_control_cannot_be_done_the_host_looks_once_more_at_what_is_left() -> None:
    scene = Scene(TWO)
    scene.findings.put("small", finding("a.first"), finding("b.second"))
    job = scene.job(["web1"])
    planner = scene.planner(job)
    host = MemoryHost(problems={"a.first#2": "read-only"})
    surveys = {"web1": host.survey(scene.catalogue.controls)}
    first = planner.asks(surveys, job)["web1"]["steps"]
    assert [step["id"] for step in first] == ["a.first#1", "a.first#2", "b.second#1"]
    planner.learn({"web1": host.survey({}, first)}, job)
    second = planner.asks(surveys, job)["web1"]["steps"]
    assert [step["id"] for step in second] == ["b.second#1"]
    host.state = {("sysctl", "c"): "beside nothing of the other"}
    planner.learn({"web1": host.survey({}, second)}, job)
    assert planner.asks(surveys, job) == {}
    plan = planner.settle(surveys, job)["web1"]
    assert isinstance(plan, HostPlan)
    assert [(item.key, item.before) for item in plan.items] == [
        ("control:b.second#1", "beside nothing of the other")
    ]
    assert [(row["key"], row["kind"]) for row in plan.given["manual"]] == [("a.first", "cannot")]


def test_a_jump_host_that_is_hardened_alone_has_not_drifted() -> None:
    scene = Scene()
    scene.others = [Host("db1", "db1", jump="ops@web1")]
    plan = scene.plan(bad(), *FOUND)
    assert plan.given["way"]["passed_by"] == ["db1"]
    assert plan.differences(scene.again(plan, bad())) == []
    scene.others = []
    assert plan.differences(scene.again(plan, bad()))
