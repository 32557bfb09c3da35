"""From what a host says to what is planned there: cases as data, and rules that always hold."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles.patching import HOST_NOW, MIB, Scene, candidate, survey
from opsbook.documents.words import Words
from opsbook.domains.patching.knowledge.store import Extract
from opsbook.domains.patching.knowledge.tracker import Tracked
from opsbook.model.canonical import canonical
from opsbook.model.errors import InputFault
from opsbook.model.plan import HostPlan, Outlook

OPENSSL = candidate("openssl", "3.0.16-1", "3.0.17-1")
LIBSSL = candidate("libssl3", "3.0.16-1", "3.0.17-1", source="openssl")
NANO = candidate("nano", "7.2-1", "7.2-2", security=False, label="Debian", suite="stable")
HELD = candidate("nginx", "1.22-1", "1.22-2", why="held")
NEEDS = candidate("bind9", "9.18-1", "9.18-2", why="needs", needs=["libuv2"])
CURL = candidate("curl", "8-1", "8-2", requires=["libssl3:amd64"])

CASES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], list[str], dict[str, str]]] = {
    "security by default": ([OPENSSL, NANO], {}, ["openssl"], {"nano": "not_security"}),
    "all": ([OPENSSL, NANO], {"classification": "all"}, ["nano", "openssl"], {}),
    "held and kept back": (
        [OPENSSL, HELD, NEEDS], {}, ["openssl"], {"nginx": "held", "bind9": "needs"},
    ),
    "included by source": (
        [OPENSSL, LIBSSL, CURL], {"include": "openssl"}, ["libssl3", "openssl"],
        {"curl": "not_included"},
    ),
    "excluded by pattern": ([OPENSSL, LIBSSL], {"exclude": "libssl*"}, ["openssl"],
                            {"libssl3": "excluded"}),
    "what needs an excluded package stays as well": (
        [LIBSSL, CURL], {"exclude": "libssl3"}, [], {"libssl3": "excluded", "curl": "requires"},
    ),
    "soaking": ([OPENSSL], {"soak_days": 3}, [], {"openssl": "soaking"}),
    "no digest": ([OPENSSL | {"sha256": ""}], {}, [], {"openssl": "digest"}),
    "not rated is not left out": ([OPENSSL], {"severity": "high", "tracker_days": 0},
                                  ["openssl"], {}),
    "no security update is below every severity": (
        [NANO], {"severity": "low", "classification": "all", "tracker_days": 0}, [],
        {"nano": "severity"},
    ),
}  # fmt: skip


def left_out(plan: HostPlan) -> dict[str, str]:
    return {row["package"]: row["why"] for row in plan.given["left_out"]}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_planned_and_what_is_left_out(case: Any, tmp_path: Path) -> None:
    candidates, parameters, planned, left = case
    plan = Scene(tmp_path).plan(survey(*candidates), **parameters)
    assert [item.detail["package"] for item in plan.items] == planned
    assert left_out(plan) == left
    assert plan.outlook is (Outlook.CHANGE if planned else Outlook.NOTHING)
    assert (plan.reason is None) == bool(planned)


def test_an_item_names_versions_digest_origin_and_undo(tmp_path: Path) -> None:
    data = survey(OPENSSL, conffiles=[{"package": "openssl", "arch": "amd64", "path": "/etc/x"}])
    (item,) = Scene(tmp_path).plan(data).items
    assert (item.key, item.before, item.after) == ("package:openssl:amd64", "3.0.16-1", "3.0.17-1")
    wanted = {"sha256": OPENSSL["sha256"], "origin": "Debian", "security": True, "size": MIB,
              "undo": "repack", "conffiles": ["/etc/x"]}  # fmt: skip
    assert {name: item.detail[name] for name in wanted} == wanted


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "trouble": ({"trouble": "dpkg is gone"}, "dpkg is gone"),
    "neither apt nor dnf": ({"manager": ""}, "neither apt nor dnf"),
    "Debian past its long-term support": (
        {"os": {"id": "debian", "version_id": "11", "name": "Debian 11"}},
        "Debian 11 has had no support since 2026-08-31",
    ),
    "RHEL 7": ({"os": {"id": "rhel", "version_id": "7.9"}}, "no support since 2024-06-30"),
    "past what it says itself": (
        {"os": {"id": "fedora", "support_end": "2025-12-02"}}, "no support since 2025-12-02",
    ),
    "interrupted": (
        {"package_manager": {"interrupted": True, "audit": ["libc6: half-configured"]}},
        "dpkg --configure -a",
    ),
    "broken": ({"package_manager": {"broken": [{"package": "x"}]}}, "dependencies are broken"),
    "locked": (
        {"package_manager": {"locks": [{"path": "/var/lib/dpkg/lock", "command": "apt-get"}]}},
        "in use by apt-get",
    ),
    "no lists": ({"lists": {}}, "no package lists"),
    "old lists": ({"lists": {"newest": HOST_NOW - 8 * 86400}}, "older than 7 days"),
    "kernel not booted": (
        {"boot": {"running": "6.1.0-30", "newest": "6.1.0-31", "pending": True}},
        "6.1.0-31 is installed and 6.1.0-30 runs",
    ),
    "no space": (
        {"space": [{"path": "/usr", "mount": "/", "free": 100 * MIB}]}, "/ has 100 MiB free",
    ),
    "certificate ends": (
        {"certificates": [{"path": "/etc/x.pem", "not_after": HOST_NOW + 600}]}, "/etc/x.pem",
    ),
    "another change": (
        {"lease": {"run": "RUN-20261121-009", "live": True, "seconds_left": 61}},
        "RUN-20261121-009 is at work on it, for 2 min more at most",
    ),
    "cannot be brought back": (
        {"undo": [{"package": "openssl", "arch": "amd64", "how": "none", "why": "gone"}]},
        "1 of 1 packages could not be brought back",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("more", "words"), BAD.values(), ids=BAD)
def test_a_host_that_cannot_be_patched_is_planned_with_the_reason(
    more: dict[str, Any], words: str, tmp_path: Path
) -> None:
    plan = Scene(tmp_path).plan(survey(OPENSSL, **more))
    assert plan.outlook is Outlook.CANNOT
    assert plan.reason
    assert words in plan.reason.english()
    assert plan.items == ()
    assert left_out(plan) == {"openssl": "host"}


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("half_installed", "它未安装完整，且软件源中已没有该版本"),
        ("not_offered", "软件源中已没有该版本，而 rpm 无法由已安装的文件重新制作"),
        ("what no survey says {x}", "what no survey says {x}"),
        ("", "-"),
    ],
)
def test_why_a_package_cannot_be_brought_back_is_told_in_the_readers_language(
    why: str, said: str, tmp_path: Path
) -> None:
    way = {"package": "openssl", "arch": "amd64", "how": "none", "why": why}
    plan = Scene(tmp_path).plan(survey(OPENSSL, undo=[way])).to_json()
    told = Words("zh_CN", ZoneInfo("UTC")).said(plan["reason"])
    assert f"（openssl）：{said}；" in told


FINE: dict[str, dict[str, Any]] = {
    "our own marker": {"lease": {"run": "RUN-20261121-001", "live": True, "seconds_left": 60}},
    "our own marker of before a crash": {
        "lease": {"run": "RUN-0", "change": "CHG-20261121-001", "live": True, "seconds_left": 60}
    },
    "a marker that ended": {"lease": {"run": "RUN-20261121-009", "live": False}},
    "a container": {"boot": {"running": "1", "newest": "2", "pending": True, "container": True}},
    "a reboot that is due for no kernel": {"boot": {"running": "1", "pending": True}},
    "a certificate for long": {"certificates": [{"path": "/x", "not_after": HOST_NOW + 86400}]},
    "no support date": {"os": {"codename": "sid"}},
    "the second last release": {"os": {"id": "ubuntu", "version_id": "24.04"}},
}


@pytest.mark.parametrize("more", FINE.values(), ids=FINE)
def test_what_is_no_reason_to_refuse(more: dict[str, Any], tmp_path: Path) -> None:
    assert Scene(tmp_path).plan(survey(OPENSSL, **more)).outlook is Outlook.CHANGE


@pytest.mark.parametrize(("hours", "outlook"), [(30, Outlook.CANNOT), (26, Outlook.CHANGE)])
def test_a_certificate_must_last_until_the_window_closes_however_far_off_that_is(
    hours: int, outlook: Outlook, tmp_path: Path
) -> None:
    scene = Scene(tmp_path)
    data = survey(OPENSSL, certificates=[{"path": "/x", "not_after": HOST_NOW + 28 * 3600}])
    closes = scene.clock.now() + timedelta(hours=hours)
    assert scene.plan(data, closes=closes).outlook is outlook


def test_a_backup_is_asked_for_by_the_runbook_or_the_baseline(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    fresh = [{"kind": "backup", "made": HOST_NOW - 3600, "name": "nightly"}]
    of_tomorrow = [{"kind": "backup", "made": HOST_NOW + 3600, "name": "nightly"}]
    assert scene.plan(survey(OPENSSL), restore_point="backup").outlook is Outlook.CANNOT
    assert scene.plan(survey(OPENSSL), backup_days=2).outlook is Outlook.CANNOT
    data = survey(OPENSSL, restore_points=fresh)
    assert scene.plan(data, restore_point="backup").outlook is Outlook.CHANGE
    data = survey(OPENSSL, restore_points=of_tomorrow)
    assert scene.plan(data, backup_days=2).outlook is Outlook.CANNOT


def test_restarts_sessions_and_a_reboot_are_told_beforehand(tmp_path: Path) -> None:
    libc = candidate("libc6", "2.36-9", "2.36-10")
    uses = [
        {"unit": "nginx.service", "command": "nginx", "packages": ["libssl3:amd64"]},
        {"unit": "dbus.service", "command": "dbus", "packages": ["libc6:amd64"]},
        {"unit": "cron.service", "command": "cron", "packages": ["other:amd64"]},
        {"unit": "session-3.scope", "command": "bash", "packages": ["libc6:amd64"]},
    ]
    plan = Scene(tmp_path).plan(survey(libc, LIBSSL, uses=uses))
    notes = [note.english() for note in plan.notes]
    assert plan.given["restart_services"] == ["nginx.service"]
    assert plan.given["reboot"] == {"policy": "if_needed", "expected": True}
    assert "it is rebooted (libc6: the C library is in use everywhere)" in notes
    assert "open sessions keep old code until they end: 1" in notes
    never = Scene(tmp_path / "2").plan(survey(libc, uses=uses), reboot="never", restart="none")
    assert never.given["reboot"] == {"policy": "never", "expected": False}
    assert never.given["restart_services"] == []
    assert any("is not made" in note.english() for note in never.notes)


def test_a_baseline_may_differ_by_host_and_a_parameter_overrides_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    hosts = {"prod": {"opsbook_patching": {"soak_days": 7}}, "test": {}}
    surveys = {host: survey(OPENSSL) for host in hosts}
    plans = scene.planner.settle(surveys, scene.job(hosts))
    assert [_outlook(plans[host]) for host in hosts] == [Outlook.NOTHING, Outlook.CHANGE]
    plans = scene.planner.settle(surveys, scene.job(hosts, soak_days=0))
    assert [_outlook(plans[host]) for host in hosts] == [Outlook.CHANGE, Outlook.CHANGE]


@pytest.mark.parametrize("day", ["2031-06-30", date(2031, 6, 30)])
def test_support_that_was_bought_goes_beyond_that_of_the_distribution(
    tmp_path: Path, day: Any
) -> None:
    old = survey(OPENSSL, os={"id": "debian", "version_id": "11", "codename": "bullseye"})
    scene = Scene(tmp_path)
    bought, ended = {"support_end": day}, {"support_end": "2026-11-01"}
    job = scene.job({"web1": {"opsbook_patching": bought}, "web2": {"opsbook_patching": ended}})
    plans = scene.planner.settle({"web1": old, "web2": old}, job)
    assert _outlook(plans["web1"]) is Outlook.CHANGE
    assert "no support since 2026-11-01" in _why(plans["web2"])


def _outlook(plan: Any) -> Outlook:
    assert isinstance(plan, HostPlan)
    return plan.outlook


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "unknown key": ({"soak": 3}, {}, "soak"),
    "no mapping": ([1], {}, ""),
    "no choice": ({"severity": "bad"}, {}, "severity"),
    "too long": ({"soak_days": 366}, {}, "soak_days"),
    "a boolean is no number": ({"soak_days": True}, {}, "soak_days"),
    "no pattern": ({}, {"include": "open ssl"}, "include"),
    "a path": ({}, {"exclude": "../../etc"}, "exclude"),
    "no CVE": ({}, {"override_cves": "CVE-x"}, "override_cves"),
    "unknown package": ({}, {"include": "opensll"}, "include"),
    "numbers in a list": ({"include": [1]}, {}, "include"),
    "no day": ({"support_end": "2026-02-30"}, {}, "support_end"),
}


@pytest.mark.parametrize(("variable", "parameters", "path"), WRONG.values(), ids=WRONG)
def test_a_wrong_baseline_is_a_sentence_before_any_plan(
    variable: Any, parameters: dict[str, Any], path: str, tmp_path: Path
) -> None:
    scene = Scene(tmp_path)
    job = scene.job({"web1": {"opsbook_patching": variable}}, **parameters)
    with pytest.raises(InputFault) as refused:
        scene.planner.settle({"web1": survey(OPENSSL)}, job)
    assert [fault.path for fault in refused.value.faults] == [path]
    assert list(scene.ledger.events()) == []


def test_lists_that_were_valid_for_a_time_only_are_told(tmp_path: Path) -> None:
    releases = [
        {"suite": "stable-security", "valid_until": "Thu, 19 Nov 2026 10:00:00 UTC"},
        {"suite": "stable", "valid_until": ""},
        {"suite": "other", "valid_until": "Thu, 99 Foo 2026"},
    ]
    data = survey(OPENSSL, lists={"newest": HOST_NOW, "releases": releases})
    notes = [note.english() for note in Scene(tmp_path).plan(data).notes]
    assert "the package lists of stable-security were valid until 2026-11-19" in notes
    assert sum("valid until" in note for note in notes) == 1


def test_a_severity_is_only_asked_of_a_fresh_extract(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    data = survey(OPENSSL, LIBSSL)
    assert "are not known" in _why(scene.plan(data, severity="high"))
    keep_tracker(scene, [("openssl", "CVE-2026-1", "3.0.17-1", "low")], days=20)
    assert "older than 14 days" in _why(scene.plan(data, severity="high"))
    assert left_out(scene.plan(data, severity="high", tracker_days=30))["openssl"] == "severity"
    assert scene.plan(data, severity="low", tracker_days=30).outlook is Outlook.CHANGE


def _why(plan: Any) -> str:
    assert _outlook(plan) is Outlook.CANNOT
    assert plan.reason
    return str(plan.reason.english())


def keep_tracker(scene: Scene, rows: list[tuple[str, str, str, str]], days: int = 0) -> None:
    made = scene.clock.now() - timedelta(days=days)
    extract = Extract("t", "0" * 64, 1, made, scene.clock.now(), 0, (), True)
    facts = [
        Tracked(source, "bookworm", cve.replace("-1", "-0001"), fixed, urgency)
        for source, cve, fixed, urgency in rows
    ]
    scene.knowledge.replace_tracker(extract, facts)


names = st.sampled_from(["openssl", "libssl3", "curl", "nano", "libc6", "zlib1g", "linux-image-x"])
candidates = st.lists(
    st.builds(
        lambda name, source, security, why, digest, requires: candidate(
            name, "1-1", "1-2", source=source, security=security,
            **({"why": why} if why else {}), **({} if digest else {"sha256": ""}),
            requires=[f"{one}:amd64" for one in requires],
        ),
        names, st.sampled_from(["openssl", "other"]), st.booleans(),
        st.sampled_from(["", "", "held", "needs", "phased", "strange"]), st.booleans(),
        st.lists(names, max_size=2),
    ),
    unique_by=lambda one: one["package"], max_size=7,
)  # fmt: skip
baselines = st.fixed_dictionaries(
    {},
    optional={
        "classification": st.sampled_from(["all", "security"]),
        "include": st.sampled_from(["", "lib*", "openssl", "other"]),
        "exclude": st.sampled_from(["", "*ssl*"]),
        "soak_days": st.sampled_from([0, 1]),
    },
)
relaxed = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150
)


@relaxed
@given(offered=candidates, variable=baselines, unfit=st.booleans())
def test_every_candidate_is_an_item_or_left_out_and_nothing_needed_is_missing(
    offered: list[dict[str, Any]], variable: dict[str, Any], unfit: bool, tmp_path: Path
) -> None:
    scene = Scene(tmp_path)
    more: dict[str, Any] = {"lists": {}} if unfit else {}
    job = scene.job({"web1": {"opsbook_patching": variable}})
    plan = scene.planner.settle({"web1": survey(*offered, **more)}, job)["web1"]
    assert isinstance(plan, HostPlan)
    planned = [item.detail["package"] for item in plan.items]
    left = left_out(plan)
    assert sorted([*planned, *left]) == sorted(one["package"] for one in offered)
    by_name = {one["package"]: one for one in offered}
    for name in planned:
        needed = {one.removesuffix(":amd64") for one in by_name[name]["requires"]}
        assert needed & by_name.keys() <= set(planned)
    assert bool(planned) == (plan.outlook is Outlook.CHANGE)
    canonical(plan.to_json())


@relaxed
@given(offered=candidates, variable=baselines)
def test_planning_again_and_asking_again_give_the_same_plan(
    offered: list[dict[str, Any]], variable: dict[str, Any], tmp_path: Path
) -> None:
    scene = Scene(tmp_path)
    job = scene.job({"web1": {"opsbook_patching": variable}})
    first = scene.planner.settle({"web1": survey(*offered)}, job)["web1"]
    assert isinstance(first, HostPlan)
    second = scene.planner.settle({"web1": survey(*reversed(offered))}, job)["web1"]
    assert first == second
    assert HostPlan.from_json("web1", first.to_json()) == first
    scene.clock.advance(5 * 86400)
    assert first.differences(scene.again(first, survey(*offered, now=HOST_NOW + 432000))) == []
