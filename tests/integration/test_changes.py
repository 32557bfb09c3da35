"""Changes from plan to undo by the real command, with real signatures, on files of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opsbook.model.exits import Exit
from support.changes import SECOND, Site, make_site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


def test_a_change_runs_from_plan_to_undo(site: Site) -> None:
    change = site.plan("--set", "words=new")
    assert site.notices() == ["former"] * 3, "planning touches nothing"
    refused = site.run("apply", change)
    assert refused.returncode == Exit.REFUSED
    assert "not approved yet" in refused.stderr
    site.approve(change)
    applied = site.json("apply", change)
    assert applied["counts"] == {"changed": 3}
    assert site.notices() == ["new"] * 3
    assert "h1" in site.good("plan", "explain", change)
    site.good("undo", change, "--limit", "h2")
    assert site.notices() == ["new", "former", "new"]
    site.good("undo", change)
    assert site.notices() == ["former"] * 3
    site.good("records", "verify")


def test_a_used_plan_cannot_be_used_again(site: Site) -> None:
    change = site.approved("--set", "words=new")
    site.good("apply", change)
    again = site.run("apply", change)
    assert again.returncode == Exit.REFUSED
    assert "used already" in again.stderr


def test_a_host_that_changed_since_is_refused_and_the_others_go_on(site: Site) -> None:
    change = site.approved("--set", "words=new")
    (site.place("h2") / "notice").write_text("new\n", encoding="utf-8")
    done = site.run("apply", change)
    assert done.returncode == Exit.REFUSED
    assert site.notices() == ["new"] * 3
    record = _last_record(site)
    outcomes = {host["name"]: host["outcome"] for host in record["hosts"]}
    assert outcomes == {"h1": "changed", "h2": "refused", "h3": "changed"}


def test_a_failing_wave_is_undone_the_run_stops_and_goes_on_when_mended(site: Site) -> None:
    change = site.approved("--set", "words=new")
    (site.place("h3") / "fail").touch()
    stopped = site.run("apply", change)
    assert stopped.returncode == Exit.HOST_FAILED
    assert site.notices() == ["new", "former", "former"], "the wave of h2 and h3 is brought back"
    (site.place("h3") / "fail").unlink()
    site.good("resume", change)
    assert site.notices() == ["new"] * 3
    site.good("records", "verify")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("catalog/notice/playbook.yml", "runbook notice"),
        ("here/hosts.yml", "inventory"),
        ("here/allowed_signers", "policy"),
        ("here/approvers.yml", "policy"),
        ("here/host_vars/h1.yml", "h1.yml"),
    ],
)
def test_what_changed_since_the_approval_is_refused_by_name(
    site: Site, file: str, words: str
) -> None:
    change = site.approved("--set", "words=new")
    path = site.root / file
    path.parent.mkdir(exist_ok=True)
    former = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(former.replace("甲方", "乙方") + "\n# x\n", encoding="utf-8")
    refused = site.run("apply", change)
    assert refused.returncode == Exit.REFUSED, refused.stderr
    assert words in refused.stderr or "hosts.yml" in refused.stderr
    assert site.notices() == ["former"] * 3


def test_nothing_to_do_makes_no_change(site: Site) -> None:
    said = site.good("plan", "notice", "-e", site.estate, "--reason", "x", "--set", "words=former")
    assert "no change was made" in said


def test_an_exported_plan_edited_by_hand_is_refused(site: Site, tmp_path: Path) -> None:
    change = site.plan("--set", "words=new")
    file = tmp_path / "plan.json"
    site.good("plan", "export", change, "-o", file)
    assert change in site.good("plan", "explain", file)
    plan = json.loads(file.read_text(encoding="utf-8"))
    plan["hosts"] = plan["hosts"][:1]
    file.write_text(json.dumps(plan, indent=1), encoding="utf-8")
    refused = site.run("plan", "show", file)
    assert refused.returncode == Exit.BAD_INPUT
    assert "changed after it was exported" in refused.stderr


def _last_record(site: Site) -> dict:
    line = site.json("records", "list", "-n", "1")[0]
    return json.loads(site.good("records", "show", line["run"], "--json"))


def test_a_stopped_change_can_be_closed_as_it_stands_and_then_undone(site: Site) -> None:
    change = site.approved("--set", "words=new")
    (site.place("h3") / "fail").touch()
    site.run("apply", change)
    site.good("cancel", change, "--reason", "no time left")
    dossier = site.json("records", "show", change)
    assert dossier["state"] == "failed"
    assert site.run("resume", change).returncode == Exit.USAGE
    site.good("undo", change)
    assert site.notices() == ["former"] * 3


def test_an_emergency_needs_one_approver_passes_a_freeze_and_owes_a_review(site: Site) -> None:
    file = site.estate / "estate.yml"
    frozen = (
        "calendar: {freezes: [{name: quiet, from: '2020-01-01', to: '2099-12-31', why: rest}]}\n"
    )
    file.write_text(file.read_text(encoding="utf-8") + frozen, encoding="utf-8")
    usual = site.approved("--set", "words=new")
    refused = site.run("apply", usual)
    assert refused.returncode == Exit.REFUSED
    assert "quiet" in refused.stderr
    change = site.approved("--set", "words=new", "--emergency")
    site.good("apply", change)
    assert site.notices() == ["new"] * 3
    record = _last_record(site)
    assert any("quiet" in json.dumps(one["message"]) for one in record["deviations"])
    assert site.json("records", "show", change)["review"]["due"]
    site.good("review", change, "--reason", "looked at", "--key", site.key(SECOND), "--yes")
    assert not site.json("records", "show", change)["review"]["due"]


def test_undo_of_a_stopped_change_closes_its_run_and_an_ended_undo_is_not_resumed(
    site: Site,
) -> None:
    change = site.approved("--set", "words=new")
    (site.place("h3") / "fail").touch()
    site.run("apply", change)
    site.good("undo", change)
    assert site.notices() == ["former"] * 3
    dossier = site.json("records", "show", change)
    assert dossier["state"] == "undone"
    assert [run["state"] for run in dossier["runs"]] == ["closed", "closed"]
    for run in dossier["runs"]:
        assert site.run("resume", run["run"]).returncode == Exit.USAGE
    assert site.run("undo", change).returncode == Exit.USAGE
    assert site.run("cancel", change, "--reason", "x").returncode == Exit.REFUSED
