"""Changes from plan to undo by the real command, with real signatures, on files of this machine.

Planning, signing and stopping are done once; every test goes on from there on a site put back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opsbook.model.exits import Exit
from support.changes import SECOND, Site, make_site

Made = tuple[Site, str]


def _planned(directory: Path) -> Made:
    site = make_site(directory / "site")
    return site, site.plan("--set", "words=new")


@pytest.fixture(scope="module")
def once_planned(tmp_path_factory: pytest.TempPathFactory) -> Made:
    site, change = _planned(tmp_path_factory.mktemp("planned"))
    assert site.notices() == site.former, "planning touches nothing"
    site.keep()
    return site, change


@pytest.fixture(scope="module")
def once_stopped(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A change that stopped where h3 failed, which would now do well."""
    site, change = _planned(tmp_path_factory.mktemp("stopped"))
    site.approve(change)
    (site.place("h3") / "fail").touch()
    stopped = site.typed("apply", change)
    assert stopped.returncode == Exit.HOST_FAILED
    assert site.notices() == ["new", "former", "former"], "the wave of h2 and h3 is brought back"
    (site.place("h3") / "fail").unlink()
    site.keep()
    return site, change


@pytest.fixture
def planned(once_planned: Made) -> Iterator[Made]:
    """A planned change ``words=new`` of all hosts."""
    yield once_planned
    once_planned[0].rewind()


@pytest.fixture
def approved(planned: Made) -> Made:
    site, change = planned
    site.approve(change)
    return planned


@pytest.fixture
def stopped(once_stopped: Made) -> Iterator[Made]:
    yield once_stopped
    once_stopped[0].rewind()


def test_a_change_runs_from_plan_to_undo_and_only_once(planned: Made) -> None:
    site, change = planned
    refused = site.typed("apply", change)
    assert refused.returncode == Exit.REFUSED
    assert "not approved yet" in refused.stderr
    site.approve(change)
    applied = site.run("apply", change, "--json")
    assert json.loads(applied.stdout)["counts"] == {"changed": 3}
    assert site.notices() == site.new
    again = site.typed("apply", change)
    assert again.returncode == Exit.REFUSED
    assert "used already" in again.stderr
    assert "h1" in site.good("plan", "explain", change)
    site.good("undo", change, "--limit", "h2")
    assert site.notices() == ["new", "former", "new"]
    assert "applied, undone on 1 of 3 hosts" in site.good("plan", "show", change)
    site.good("undo", change)
    assert site.notices() == site.former
    site.good("records", "verify")


def test_a_host_that_changed_since_is_refused_and_the_others_go_on(approved: Made) -> None:
    site, change = approved
    (site.place("h2") / "notice").write_text("new\n", encoding="utf-8")
    done = site.typed("apply", change)
    assert done.returncode == Exit.REFUSED
    assert site.notices() == site.new
    record = _last_record(site)
    outcomes = {host["name"]: host["outcome"] for host in record["hosts"]}
    assert outcomes == {"h1": "changed", "h2": "refused", "h3": "changed"}


def test_a_stopped_change_goes_on_when_mended(stopped: Made) -> None:
    site, change = stopped
    site.good("resume", change)
    assert site.notices() == site.new
    site.good("records", "verify")


CHANGED = [
    ("catalog/notice/playbook.yml", "runbook notice"),
    ("here/hosts.yml", "inventory"),
    ("here/allowed_signers", "policy"),
    ("here/approvers.yml", "policy"),
    ("here/host_vars/h1.yml", "h1.yml"),
]


def test_what_changed_since_the_approval_is_refused_by_name(approved: Made) -> None:
    site, change = approved
    for file, words in CHANGED:
        path = site.root / file
        path.parent.mkdir(exist_ok=True)
        former = path.read_bytes() if path.exists() else None
        text = (former or b"").decode()
        path.write_text(text.replace("甲方", "乙方") + "\n# x\n", encoding="utf-8")
        refused = site.typed("apply", change)
        assert refused.returncode == Exit.REFUSED, refused.stderr
        assert words in refused.stderr or "hosts.yml" in refused.stderr, file
        assert site.notices() == site.former
        path.unlink() if former is None else path.write_bytes(former)


def test_nothing_to_do_makes_no_change(planned: Made) -> None:
    site, _ = planned
    words = ("-e", site.estate, "--reason", "x", "--set", "words=former")
    assert "no change was made" in site.good("plan", "notice", "-l", "h1", *words)


def test_a_plan_is_compared_with_the_estate_it_was_made_for_wherever_that_lies(
    planned: Made, tmp_path: Path
) -> None:
    site, change = planned
    file = tmp_path / "plan.json"
    site.good("plan", "export", change, "-o", file)
    (site.place("h2") / "notice").write_text("another\n", encoding="utf-8")
    assert {row["place"] for row in site.json("plan", "diff", file)} - {"plan"} == {"h2"}


def test_an_exported_plan_edited_by_hand_is_refused(planned: Made, tmp_path: Path) -> None:
    site, change = planned
    file = tmp_path / "plan.json"
    site.good("plan", "export", change, "-o", file)
    assert change in site.good("plan", "explain", file)
    plan = json.loads(file.read_text(encoding="utf-8"))
    plan["hosts"] = plan["hosts"][:1]
    file.write_text(json.dumps(plan, indent=1), encoding="utf-8")
    refused = site.typed("plan", "show", file)
    assert refused.returncode == Exit.BAD_INPUT
    assert "changed after it was exported" in refused.stderr


def _last_record(site: Site) -> dict[str, Any]:
    line = site.json("records", "list", "-n", "1")[0]
    return dict(site.json("records", "show", line["run"]))


def test_a_stopped_change_can_be_closed_as_it_stands_and_then_undone(stopped: Made) -> None:
    site, change = stopped
    site.good("cancel", change, "--reason", "no time left")
    assert site.json("records", "show", change)["state"] == "failed"
    assert site.typed("resume", change).returncode == Exit.USAGE
    site.good("undo", change)
    assert site.notices() == site.former


def test_an_emergency_needs_one_approver_passes_a_freeze_and_owes_a_review(
    approved: Made,
) -> None:
    site, usual = approved
    with (site.estate / "estate.yml").open("a", encoding="utf-8") as file:
        file.write("calendar: {freezes: [{name: quiet, from: '2020-01-01', to: '2099-12-31',"
                   " why: rest}]}\n")  # fmt: skip
    refused = site.typed("apply", usual)
    assert refused.returncode == Exit.REFUSED
    assert "quiet" in refused.stderr
    change = site.approved("--set", "words=new", "--emergency", "-l", "h1")
    site.good("apply", change)
    assert site.notice("h1") == "new"
    record = _last_record(site)
    assert any("quiet" in json.dumps(one["message"]) for one in record["deviations"])
    assert site.json("records", "show", change)["review"]["due"]
    said = site.good("review", change, "--reason", "looked at", "--key", site.key(SECOND), "--yes")
    assert said == f"{change}: applied; reviewed\n"
    assert not site.json("records", "show", change)["review"]["due"]


def test_undo_of_a_stopped_change_closes_its_run_and_an_ended_undo_is_not_resumed(
    stopped: Made,
) -> None:
    site, change = stopped
    site.good("undo", change)
    assert site.notices() == site.former
    dossier = site.json("records", "show", change)
    assert dossier["state"] == "undone"
    assert [run["state"] for run in dossier["runs"]] == ["closed", "closed"]
    for run in dossier["runs"]:
        assert site.typed("resume", run["run"]).returncode == Exit.USAGE
    assert site.typed("undo", change).returncode == Exit.USAGE
    assert site.typed("cancel", change, "--reason", "x").returncode == Exit.REFUSED
