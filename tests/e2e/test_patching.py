"""Twenty booted hosts are patched: planned, approved, stopped by one host, mended, undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from support.patched import DEMO, REAL, Patched

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BAD = "node08"
FIRST = ["db1", "inner1"]
SECOND = ["jump1", "node07", "node08", "node09"]
BACK = "inner1"


@dataclass
class Show:
    """What was seen while the story went on; the tests ask about it."""

    site: Patched
    everything: dict[str, Any]
    change: str
    plan: dict[str, Any]
    before: dict[str, str]
    touched_before: dict[str, str]
    stopped: Any
    after_stop: dict[str, str]
    touched_at_stop: dict[str, str]
    dossier_at_stop: dict[str, Any]
    resumed: Any
    after: dict[str, str]
    touched_after: dict[str, str]
    undone: Any
    after_undo: dict[str, str]
    dossier: dict[str, Any]

    def outcomes(self, dossier: dict[str, Any]) -> dict[str, str]:
        """What became of each host in the first run of a dossier."""
        return {host["name"]: host["outcome"] for host in dossier["records"][0]["hosts"]}


@pytest.fixture(scope="module")
def show(patched: Patched) -> Show:
    site = patched
    everything = site.plan()["plan"]
    made = site.plan(f"{DEMO},{REAL}", "--first", "2")
    change = made["change"]
    site.approve(change)
    before, touched_before = site.everywhere(site.look), site.everywhere(site.touched)
    site.on(BAD, "touch /etc/opsbook-demo/fail")
    stopped = site.opsbook("apply", change)
    after_stop, touched_at_stop = site.everywhere(site.look), site.everywhere(site.touched)
    dossier_at_stop = site.dossier(change)
    site.on(BAD, "rm /etc/opsbook-demo/fail")
    resumed = site.opsbook("resume", change)
    after, touched_after = site.everywhere(site.look), site.everywhere(site.touched)
    undone = site.opsbook("undo", change, "--limit", BACK)
    return Show(
        site, everything, change, made["plan"], before, touched_before, stopped, after_stop,
        touched_at_stop, dossier_at_stop, resumed, after, touched_after, undone,
        site.everywhere(site.look), site.dossier(change),
    )  # fmt: skip


def test_a_plan_of_everything_has_real_security_updates_for_all_hosts_that_can_be_patched(
    show: Show,
) -> None:
    plans = show.everything["host_plans"]
    assert len(plans) == 20
    for name in show.site.hosts:
        items = [item["detail"] for item in plans[name]["items"]]
        real = [item for item in items if not item["package"].startswith("opsbook-demo")]
        assert plans[name]["outlook"] == "change"
        assert real
        assert all(item["security"] and len(item["sha256"]) == 64 for item in items)
        assert any(item["cves"] for item in real), f"{name}: no CVE of a real package"
    assert show.everything["undo"]["possible"] == show.everything["undo"]["total"]


def test_the_host_without_python_is_planned_and_told(show: Show) -> None:
    told = show.plan["host_plans"]["old1"]
    assert told["outlook"] == "cannot"
    assert "Python" in told["reason"]["text"]
    assert show.outcomes(show.dossier)["old1"] == "skipped"


def test_it_was_approved_by_another_person_with_an_ssh_key(show: Show) -> None:
    (statement,) = show.dossier["statements"]
    assert statement["counts"]
    assert statement["signature"].startswith("-----BEGIN SSH SIGNATURE-----")
    assert statement["principal"] == "approver@example.invalid"
    assert show.dossier["requested_by"]["user"] not in statement["principal"]


def test_one_failing_host_stops_the_change_and_the_record_says_so(show: Show) -> None:
    assert show.stopped.returncode == 10, show.stopped.stderr
    assert "opsbook resume" in show.stopped.stderr
    assert show.dossier_at_stop["state"] == "stopped"
    outcomes = show.outcomes(show.dossier_at_stop)
    assert {outcomes[name] for name in FIRST} == {"changed"}
    assert outcomes[BAD] == "failed"
    assert {outcomes[name] for name in SECOND if name != BAD} == {"undone"}
    deviations = str(show.dossier_at_stop["records"][0]["deviations"])
    assert "More hosts failed than the plan allows" in deviations


def test_the_wave_of_the_failing_host_is_back_to_the_exact_packages_and_files(show: Show) -> None:
    for name in SECOND:
        assert show.touched_at_stop[name] != show.touched_before[name], "it was never changed"
        assert show.after_stop[name] == show.before[name]


def test_hosts_of_later_waves_were_not_touched(show: Show) -> None:
    for name in sorted({*show.site.hosts} - {*FIRST, *SECOND}):
        assert show.touched_at_stop[name] == show.touched_before[name]
        assert show.after_stop[name] == show.before[name]


def test_mended_and_resumed_every_host_is_as_planned(show: Show) -> None:
    assert show.resumed.returncode == 0, show.resumed.stderr
    outcomes = show.outcomes(show.dossier)
    assert {outcomes[name] for name in show.site.hosts} == {"changed"}
    for name in show.site.hosts:
        lines = show.after[name].splitlines()
        for item in show.plan["host_plans"][name]["items"]:
            detail = item["detail"]
            names = (detail["package"], f"{detail['package']}:{detail['arch']}")
            assert any(f"{each} {detail['to']} ii" in map(str.strip, lines) for each in names)


def test_resuming_did_not_touch_hosts_that_were_done(show: Show) -> None:
    for name in FIRST:
        assert show.touched_after[name] == show.touched_at_stop[name]
        assert show.after[name] == show.after_stop[name]


def test_undone_on_one_host_it_has_the_exact_packages_and_files_of_before(show: Show) -> None:
    assert show.undone.returncode == 0, show.undone.stderr
    assert show.after_undo[BACK] == show.before[BACK] != show.after[BACK]
    for name in show.site.hosts:
        if name != BACK:
            assert show.after_undo[name] == show.after[name]


def test_the_ledger_of_it_all_is_valid(show: Show) -> None:
    assert show.site.opsbook("records", "verify").returncode == 0
    assert [run["phase"] for run in show.dossier["runs"]] == ["apply", "undo"]
