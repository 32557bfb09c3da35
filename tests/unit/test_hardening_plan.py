"""Which controls a host gets, with what values, what comes with them, what is left to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.hardening import (
    AGE,
    AUDITD,
    FORWARD,
    PERMIT,
    TELNET,
    MemoryHost,
    Scene,
    bad,
    catalogue,
    finding,
)
from opsbook.domains.hardening.store.model import State
from opsbook.execution.declared.declarations import load_runbook
from opsbook.model.errors import InputFault
from opsbook.model.message import Message
from opsbook.model.plan import Coverage, HostPlan, Outlook

ALL = sorted(catalogue().controls)


def controls(plan: HostPlan) -> list[str]:
    """The controls of which something is changed, in the order in which it is."""
    return list(dict.fromkeys(item.detail["control"] for item in plan.items))


def asides(plan: HostPlan, which: str = "manual") -> dict[str, str]:
    """Key -> kind of what is left to people, or left out."""
    return {row["key"]: row["kind"] for row in plan.given[which]}


def reason(plan: HostPlan, key: str) -> str:
    """Why something is not done."""
    rows = [row for row in (*plan.given["manual"], *plan.given["left_out"]) if row["key"] == key]
    return Message.from_json(rows[0]["reason"]).english()


def notes(plan: HostPlan) -> str:
    return "\n".join(note.english() for note in plan.notes)


def test_only_what_was_found_is_set_right_each_with_its_value_now_and_after() -> None:
    plan = Scene().plan(bad(), "login_defs.pass_max_days", "pkg.absent:telnet")
    assert [(item.key, item.before, item.after) for item in plan.items] == [
        ("control:login_defs.pass_max_days#1", "99999", "90"),
        ("control:pkg.absent:telnet#1", "present", "absent"),
    ]
    assert plan.given["steps"][1]["names"] == ["telnet"]
    assert (plan.undo.possible, plan.undo.total, plan.given["manual"]) == (2, 2, [])


def test_a_baseline_takes_all_of_its_controls_that_do_not_hold() -> None:
    plan = Scene().plan(bad(), baseline="cis_l1")
    assert set(controls(plan)) == {
        "sshd.permitrootlogin", "login_defs.pass_max_days", "pkg.absent:telnet", "shadow.max_days",
        "sysctl.net.ipv4.ip_forward",
    }  # fmt: skip
    assert asides(plan) == {"firewall.nftables": "asked", "firewall.ufw": "asked"}


def test_a_baseline_may_be_written_with_a_dash_as_its_benchmark_is() -> None:
    declared = {"opsbook_hardening": {"baseline": "cis-l1"}}
    plan = Scene().plan(bad(), variables=declared)
    assert plan == Scene().plan(bad(), baseline="cis_l1")
    (baseline,) = [p for p in load_runbook("hardening").parameters if p.name == "baseline"]
    assert [baseline.read(word) for word in ("cis-l1", "cis_l2")] == ["cis_l1", "cis_l2"]


def test_what_may_lock_out_comes_last_and_the_package_that_it_needs_first() -> None:
    variables = {"opsbook_hardening": {"firewall": "nftables", "values": {
        "firewall.nftables": {"management_sources": ["10.0.0.0/24"]}}}}  # fmt: skip
    plan = Scene().plan(bad(), "firewall.nftables", "sshd.permitrootlogin", "pkg.absent:telnet",
                        variables=variables)  # fmt: skip
    steps = [(step["id"], step["risky"]) for step in plan.given["steps"]]
    assert steps == [
        ("firewall.nftables#1", False), ("pkg.absent:telnet#1", False),
        ("firewall.nftables#2", True), ("sshd.permitrootlogin#1", True),
    ]  # fmt: skip
    assert "unless a fresh login succeeds within 120 s" in notes(plan)
    ruleset = plan.given["steps"][2]["lines"]
    assert ruleset[1].endswith("elements = { 10.0.0.0/24 }; }")


def test_a_package_that_comes_brings_the_controls_that_waited_for_it() -> None:
    plan = Scene().plan(bad(), "auditd.enabled")
    assert controls(plan) == ["auditd.enabled", "audit.rule:identity", "audit.size"]
    assert plan.items[1].coverage is Coverage.PARTLY
    assert "audit.rule:identity (auditd), audit.size (auditd)" in notes(plan)


def test_what_was_found_and_waited_for_a_package_is_done_when_it_comes() -> None:
    plan = Scene().plan(bad(), "auditd.enabled", "audit.watched")
    assert "audit.watched" in controls(plan)
    assert asides(plan, "left_out") == {}
    assert "audit.watched" not in notes(plan)
    assert asides(Scene().plan(bad(), "audit.watched"), "left_out") == {
        "audit.watched": "not_applicable"
    }


def test_what_a_package_brings_is_left_out_when_the_package_cannot_come() -> None:
    host = bad()
    host.problems = {"auditd.enabled#1": "no such package in its lists"}
    plan = Scene().plan(host, "auditd.enabled", "pkg.absent:telnet")
    assert controls(plan) == ["pkg.absent:telnet"]
    assert asides(plan) == {"auditd.enabled": "cannot"}
    assert asides(plan, "left_out") == {}
    assert "audit.size" not in notes(plan)


def test_what_nobody_found_and_cannot_be_done_is_no_work_of_anybody_but_told() -> None:
    host = bad()
    host.problems = {"audit.size#2": "a file system that is read only"}
    plan = Scene().plan(host, "auditd.enabled")
    assert controls(plan) == ["auditd.enabled", "audit.rule:identity"]
    assert asides(plan) | asides(plan, "left_out") == {}
    assert "as packages come, what cannot be set right here: audit.size" in notes(plan)
    assert asides(Scene().plan(host, "auditd.enabled", "audit.size")) == {"audit.size": "cannot"}


def test_a_step_that_two_controls_have_is_done_once_and_stays_when_one_of_them_cannot_be() -> None:
    scene = Scene("""
    - key: a.first
      severity: high
      expect: {effective.x: {is: present}}
      steps:
        - {kind: package, names: [pwquality], state: present}
        - {kind: sysctl, name: a, value: "1"}
    - key: b.second
      severity: low
      expect: {effective.x: {is: present}}
      steps: [{kind: package, names: [pwquality], state: present}]
    """)
    found = ("a.first", "b.second")
    host = MemoryHost({("package", "x"): "present"})
    plan = scene.plan(host, *found)
    assert [item.key for item in plan.items] == ["control:a.first#1", "control:a.first#2"]
    assert set(plan.given["controls"]) == set(found)
    host.problems = {"a.first#2": "read-only"}
    plan = scene.plan(host, *found)
    assert [item.key for item in plan.items] == ["control:b.second#1"]
    host.problems = {"a.first#1": "no such package"}
    assert scene.plan(host, *found).outlook is Outlook.NOTHING


def test_a_firewall_is_for_people_until_it_is_said_from_where_the_host_is_managed() -> None:
    plan = Scene().plan(bad(), "firewall.nftables", firewall="nftables")
    assert asides(plan) == {"firewall.nftables": "value"}
    assert "management_sources: put it under values" in reason(plan, "firewall.nftables")
    for sources, kind in ((["192.168.0.0/16"], "lockout"), ([], "lockout"), (["10.0.0.9"], None)):
        values = {"firewall.nftables": {"management_sources": sources}}
        variables = {"opsbook_hardening": {"firewall": "nftables", "values": values}}
        plan = Scene().plan(bad(), "firewall.nftables", variables=variables)
        assert asides(plan).get("firewall.nftables") == kind


def test_two_ways_that_exclude_one_another_are_asked_for_and_never_both_done() -> None:
    found = ("firewall.nftables", "firewall.ufw")
    asked = Scene().plan(bad(), *found)
    assert asked.outlook is Outlook.NOTHING
    assert reason(asked, "firewall.ufw").startswith("choose one of nftables, ufw")
    chosen = Scene().plan(bad(), *found, firewall="ufw")
    assert controls(chosen) == ["firewall.ufw"]
    assert asides(chosen, "left_out") == {"firewall.nftables": "other_choice"}


def test_of_two_controls_that_cannot_both_hold_the_graver_is_done_and_the_other_told() -> None:
    plan = Scene().plan(MemoryHost(), "router.forwarding", "sysctl.net.ipv4.ip_forward")
    assert controls(plan) == ["sysctl.net.ipv4.ip_forward"]
    assert asides(plan) == {"router.forwarding": "conflict"}


def test_a_control_that_holds_now_and_would_not_afterwards_is_told() -> None:
    plan = Scene().plan(bad(), "sysctl.net.ipv4.ip_forward")
    assert "router.forwarding holds now and may not afterwards" in notes(plan)


def test_a_value_that_another_control_takes_as_well_breaks_nothing() -> None:
    stricter = catalogue("""
    - key: a.days
      severity: low
      expect: {configured.days: {at_most: 365}}
      steps: [{kind: conf_value, file: /etc/login.defs, key: PASS_MAX_DAYS, value: 365}]
    - key: b.days
      severity: high
      expect: {configured.days: {at_most: 90}}
      steps: [{kind: conf_value, file: /etc/login.defs, key: PASS_MAX_DAYS, value: 90}]
    """)
    scene = Scene()
    scene.catalogue = stricter
    plan = scene.plan(MemoryHost({AGE: "99999"}), "a.days", "b.days")
    assert [(item.detail["control"], item.after) for item in plan.items] == [("b.days", "90")]
    assert asides(plan) == {}


def test_what_no_control_covers_is_left_to_people_in_the_scanners_own_words() -> None:
    plan = Scene().plan(bad(), "nessus:10264", "cve:CVE-2024-6387", "cve:CVE-2025-1",
                        "partition.tmp", "pkg.absent:telnet")  # fmt: skip
    by_key = {row["key"]: row for row in plan.given["manual"]}
    assert by_key["nessus:10264"]["remedy"] == "What the scanner says of nessus:10264"
    assert "opsbook plan patching -e small -l web1" in reason(plan, "cve")
    assert "CVE-2024-6387, CVE-2025-1" in reason(plan, "cve")
    assert reason(plan, "partition.tmp") == "Give /tmp a partition when installing"
    assert "3 are left to be done by hand" in notes(plan)


def test_a_waived_finding_is_named_and_not_done() -> None:
    waived = [finding(key, state=State.WAIVED) for key in ("pkg.absent:telnet", "nessus:1")]
    plan = Scene().plan(bad(), *waived, "login_defs.pass_max_days")
    assert controls(plan) == ["login_defs.pass_max_days"]
    assert asides(plan, "left_out") == {"pkg.absent:telnet": "waived", "nessus:1": "waived"}


def test_a_waiver_also_keeps_out_what_a_package_would_bring() -> None:
    waived = finding("audit.rule:identity", state=State.WAIVED)
    plan = Scene().plan(bad(), "auditd.enabled", waived)
    assert controls(plan) == ["auditd.enabled", "audit.size"]


@pytest.mark.parametrize(
    ("wish", "left"),
    [
        ({"exclude": "pkg.*"}, {"pkg.absent:telnet"}),
        ({"include": "pkg.*, sshd.*"}, {"login_defs.pass_max_days"}),
        ({"severity": "high"}, {"login_defs.pass_max_days", "pkg.absent:telnet"}),
    ],
)
def test_limits_leave_out_and_say_so(wish: dict[str, str], left: set[str]) -> None:
    found = ("pkg.absent:telnet", "sshd.permitrootlogin", "login_defs.pass_max_days")
    plan = Scene().plan(bad(), *found, **wish)
    assert set(controls(plan)) == set(found) - left
    assert asides(plan, "left_out") == dict.fromkeys(left, "excluded")


def test_a_check_that_could_not_look_is_told_and_nothing_is_guessed() -> None:
    host = bad()
    host.unable = {"sshd.permitrootlogin": "sshd_test"}
    plan = Scene().plan(host, "sshd.permitrootlogin")
    assert (plan.outlook, asides(plan)) == (Outlook.NOTHING, {"sshd.permitrootlogin": "unknown"})
    assert "sshd -T does not work on this host" in reason(plan, "sshd.permitrootlogin")


def test_a_finding_that_the_host_itself_does_not_bear_out_changes_nothing_and_is_told() -> None:
    plan = Scene().plan(MemoryHost({AGE: "90"}), "login_defs.pass_max_days", "pkg.absent:telnet")
    assert plan.outlook is Outlook.NOTHING
    assert set(asides(plan, "left_out").values()) == {"as_wanted"}


def test_a_host_without_findings_says_how_to_get_some() -> None:
    plan = Scene().plan(bad())
    assert plan.reason is not None
    assert "opsbook findings import" in plan.reason.english()


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "not root": ({"root": False}, "did not run as root"),
    "another system": ({"family": "other"}, "no control is known for its system"),
    "another run at work": (
        {"more": {"lease": {"run": "RUN-1", "change": "CHG-1", "seconds_left": 90}}},
        "RUN-1 is at work on it, for 2 min more",
    ),
}


@pytest.mark.parametrize(("how", "why"), UNFIT.values(), ids=UNFIT)
def test_a_host_that_cannot_be_judged_is_refused_with_what_to_do(
    how: dict[str, Any], why: str
) -> None:
    host = bad()
    for name, value in how.items():
        setattr(host, name, value)
    plan = Scene().plan(host, "pkg.absent:telnet")
    assert plan.outlook is Outlook.CANNOT
    assert plan.reason is not None
    assert why in plan.reason.english()


def test_a_host_that_ansible_cannot_change_is_told_with_everything_found_there() -> None:
    scene = Scene()
    scene.findings.put("small", *map(finding, ("pkg.absent:telnet", "nessus:7", "cve:CVE-2024-1")))
    scene.findings.put("small", finding("sshd.permitrootlogin", state=State.WAIVED))
    job = scene.job(["web1"])
    told = scene.planner(job).unable(job.inventory.hosts, job)["web1"]
    assert {row["key"]: row["kind"] for row in told["manual"]} == {
        "pkg.absent:telnet": "by_hand", "nessus:7": "not_covered", "cve": "cve",
    }  # fmt: skip
    assert told["manual"][0]["remedy"] == "What the scanner says of pkg.absent:telnet"


WRONG: dict[str, Any] = {
    "firewal": "nftables",
    "firewall": "iptables",
    "severity": "grave",
    "confirm_seconds": 5,
    "include": ["a b"],
    "exclude": ["pkg.*", "pkg.absnet:*"],
    "values": {"no.such": {}, "login_defs.pass_max_days": {"max_days": 400},
               "shadow.max_days": {"days": 1}},
}  # fmt: skip


def test_everything_that_is_wrong_in_what_is_asked_is_told_at_once() -> None:
    with pytest.raises(InputFault) as caught:
        Scene().plan(bad(), variables={"opsbook_hardening": WRONG})
    assert {fault.path for fault in caught.value.faults} == {
        "firewal", "firewall", "severity", "confirm_seconds", "include", "exclude",
        "values.no.such",
        "values.login_defs.pass_max_days", "values.shadow.max_days",
    }  # fmt: skip


hosts = st.builds(
    MemoryHost,
    st.fixed_dictionaries({}, optional={
        TELNET: st.just("present"), AUDITD: st.just("present"),
        PERMIT: st.sampled_from(["yes", "no"]), AGE: st.sampled_from(["90", "365", "99999"]),
        FORWARD: st.sampled_from(["0", "1"]),
    }),
    st.dictionaries(st.sampled_from(["zhang", "li"]), st.sampled_from([90, 99999])),
)  # fmt: skip
found_there = st.lists(st.sampled_from([*ALL, "nessus:7", "cve:CVE-2024-1"]), unique=True)
choices = st.sampled_from([{}, {"firewall": "ufw"}, {"firewall": "nftables"}])


@given(hosts, found_there, choices)
def test_nothing_that_was_found_is_dropped(
    host: MemoryHost, found: Sequence[str], choice: dict[str, str]
) -> None:
    plan = Scene().plan(host, *found, **choice)
    told = {*plan.given["controls"], *asides(plan), *asides(plan, "left_out")}
    assert {"cve" if key.startswith("cve:") else key for key in found} <= told


@given(hosts, found_there, choices)
def test_after_one_pass_nothing_is_left_to_be_set_right(
    host: MemoryHost, found: Sequence[str], choice: dict[str, str]
) -> None:
    plan = Scene().plan(host, *found, **choice)
    after = host.after(plan.given["steps"])
    again = Scene().plan(after, *plan.given["controls"], **choice)
    assert again.items == ()
    results = {row["result"] for row in again.given["judged"].values()}
    assert results <= {"pass"}
