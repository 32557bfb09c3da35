"""The page that is read before hardening is signed: values, risks, what is left to be done."""

from __future__ import annotations

from typing import Any

import pytest

from doubles.hardening import Scene, bad, finding, login
from opsbook.documents import AnyForm, Form, Language, explain, render
from support.hostile import HOSTILE

FOUND = ("sshd.permitrootlogin", "login_defs.pass_max_days", "sysctl.net.ipv4.ip_forward",
         "partition.tmp", "nessus:10264")  # fmt: skip


def page(*found: Any, language: Language = "en", form: AnyForm = "text", full: bool = False) -> str:
    """The page of a plan of one host."""
    plan = Scene().plan(bad(), *found).to_json()
    whole = {"schema": "opsbook.plan/1", "change": "CHG-20261121-001", "hosts": ["web1"],
             "host_plans": {"web1": plan}, "kind": "runbook"}  # fmt: skip
    return explain(whole, form, language, full=full, width=200)


def test_every_change_is_told_with_its_value_now_and_after() -> None:
    told = page(*FOUND)
    assert "Control login_defs.pass_max_days (login_defs.pass_max_days)" in told
    assert "99999 → 90" in told


def test_what_may_lock_people_out_stands_among_what_needs_attention() -> None:
    attention = page(*FOUND).split("What changes where")[0]
    assert (
        "web1: may lock people out; brought back unless a fresh login succeeds:"
        " Control sshd.permitrootlogin"
    ) in attention
    assert (
        "cannot be brought back: sysctl.net.ipv4.ip_forward: Connections cut stay cut" in attention
    )


def test_risks_what_is_left_and_the_services_touched_are_told_in_words() -> None:
    told = page(*FOUND)
    assert "Control sshd.permitrootlogin: Backups need an account" in told
    assert "ssh.service" in told
    assert "Title of nessus:10264 (nessus:10264): no control covers it" in told
    assert "the scanner says: What the scanner says of nessus:10264" in told
    assert "Control partition.tmp (partition.tmp): Give /tmp a partition when installing" in told


def test_the_page_is_whole_in_chinese() -> None:
    told = page(*FOUND, language="zh_CN")
    assert "控制 sshd.permitrootlogin：备份须改用普通账号" in told
    assert "可能使人无法登录；除非重新登录成功，否则自动恢复：控制 sshd.permitrootlogin" in told
    assert "安装系统时为 /tmp 单独分区" in told
    assert "已断开的连接不会恢复" in told
    assert "Control" not in told


def test_a_thousand_uncovered_findings_take_forty_lines_and_are_counted() -> None:
    many = [finding(f"nessus:{number}") for number in range(1, 1001)]
    told = page(*many, "login_defs.pass_max_days")
    assert told.count("no control covers it") == 40
    assert "461 more lines: opsbook plan show CHG-20261121-001" in told
    assert page(*many, "login_defs.pass_max_days", full=True).count("no control covers it") == 500


@pytest.mark.parametrize("value", HOSTILE)
def test_what_scanners_say_stays_text(value: str) -> None:
    hostile = finding("nessus:1", title=value)
    told = page(hostile, "login_defs.pass_max_days", form="html")
    assert not any(tag in told for tag in ("<script", "<img", "<svg"))


def test_what_would_lock_us_out_says_what_to_do_first() -> None:
    host = bad()
    host.login = login(user="root", uid=0)
    plan = Scene().plan(host, *FOUND).to_json()
    whole = {"schema": "opsbook.plan/1", "hosts": ["web1"], "host_plans": {"web1": plan}}
    assert "make an account with a key and sudo on it" in explain(whole, "text", "en", width=300)


def record_page_of(language: Language, form: Form, **more: Any) -> str:
    """The page of a run that hardened one host; ``more`` replaces evidence."""
    scene = Scene()
    plan = scene.plan(bad(), *FOUND)
    job = scene.job(["web1"], {"web1": plan})
    steps = plan.given["steps"]
    survey = bad().after(steps).survey(scene.catalogue.controls, steps)
    reload = "systemctl reload ssh.service"
    told = {
        "applied": {"stage": "safe", "changed": ["login_defs.pass_max_days#1"], "services": []},
        "applied_risky": {"stage": "risky", "services": [reload], "guarded": True},
        "confirmed": True,
        "bundles_dropped": [],
        "after": {key: survey[key] for key in ("observed", "looks")},
    }
    evidence, _ = scene.planner(job).conclude("web1", told, job)
    host = {"name": "web1", "outcome": "changed", "planned": plan.to_json(),
            "evidence": {**evidence, **more}}  # fmt: skip
    record = {"run": "RUN-1", "change": "CHG-1", "phase": "apply", "state": "closed", "exit": 0,
              "hosts": [host]}  # fmt: skip
    return render(record, form, language)


def test_the_record_tells_each_control_before_and_after_and_how_it_came_about() -> None:
    told = record_page_of("en", "md")
    assert "Control login\\_defs.pass\\_max\\_days (login\\_defs.pass\\_max\\_days)" in told
    assert "risky steps confirmed by a fresh login | yes" in told
    for words in ("fails: ", "passes: ", "systemctl reload ssh.service", "no control covers it"):
        assert words in told, words
    assert "Other evidence" not in told


def test_the_record_is_whole_in_chinese_and_shows_no_json() -> None:
    told = record_page_of("zh_CN", "html")
    for words in ("控制项的前后状态", "不符合：", "高风险步骤已由重新登录确认", "须人工处理"):
        assert words in told, words
    assert '"hardening"' not in told
    assert "bundles_dropped" not in told


def test_risky_steps_without_a_fresh_login_are_told_as_not_confirmed() -> None:
    told = record_page_of("en", "md", confirmed=False, bundles_dropped=["CHG-20260101-001"])
    assert "risky steps confirmed by a fresh login | no" in told
    assert "its undo bundle was dropped | CHG-20260101-001" in told


@pytest.mark.parametrize("value", HOSTILE)
def test_what_hosts_tell_of_hardening_stays_text(value: str) -> None:
    told = record_page_of("en", "html", applied={"services": [value]}, bundles_dropped=[value])
    assert not any(tag in told for tag in ("<script", "<img", "<svg"))
