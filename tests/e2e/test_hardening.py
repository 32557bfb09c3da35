"""Booted hosts are scanned, set right in one pass, looked at again, trapped, and brought back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from support.hardened import Hardened

pytestmark = [pytest.mark.lab, pytest.mark.slow]

TRAPPED, GOOD = "web2", "web1"
LEAVE = {"exclude": "svc.off:*"}
LEFT = {"not_covered", "by_hand", "cannot", "value", "asked", "cve"}


@dataclass
class Show:
    """What was seen while the story went on; the tests ask about it."""

    site: Hardened
    before: dict[str, set[str]]
    looks: dict[str, str]
    plan: dict[str, Any]
    applied: Any
    dossier: dict[str, Any]
    trapped: str
    after: dict[str, set[str]]
    again: dict[str, Any]
    undone: Any
    back: str

    @property
    def outcomes(self) -> dict[str, str]:
        """What became of each host when the change was applied."""
        return {host["name"]: host["outcome"] for host in self.dossier["records"][0]["hosts"]}


@pytest.fixture(scope="module")
def show(hardened: Hardened) -> Show:
    site = hardened
    site.trap(TRAPPED)
    looks = site.everywhere(site.look)
    site.scan()
    before = site.everywhere(site.open)
    made = site.plan_hardening("--first", "2", "--budget", "1", confirm_seconds="30", **LEAVE)
    change = made["change"]
    site.approve(change)
    applied = site.opsbook("apply", change)
    trapped = site.look(TRAPPED)
    site.scan()
    after = site.everywhere(site.open)
    again = site.plan_hardening("-l", GOOD, **LEAVE)
    undone = site.opsbook("undo", change, "--limit", GOOD)
    return Show(
        site, before, looks, made["plan"], applied, site.dossier(change), trapped, after, again,
        undone, site.look(GOOD),
    )  # fmt: skip


def test_one_pass_leaves_nothing_open_but_what_the_plan_left_to_people(show: Show) -> None:
    assert show.outcomes == {TRAPPED: "failed", GOOD: "changed"}
    given = show.plan["host_plans"][GOOD]["given"]
    told = {f"control:{row['key']}" for row in given["manual"] if row["kind"] in LEFT}
    told |= {f"control:{row['key']}" for row in given["left_out"]}
    assert len(show.before[GOOD]) > 50
    assert show.after[GOOD] <= told, "something that was planned is still open, or is new"


def test_a_second_plan_finds_nothing_to_do(show: Show) -> None:
    assert show.again["plan"]["host_plans"][GOOD]["items"] == []


def test_a_host_that_lets_nobody_in_any_more_came_back_by_itself(show: Show) -> None:
    assert show.applied.returncode == 10, show.applied.stdout + show.applied.stderr
    told = str(next(h for h in show.dossier["records"][0]["hosts"] if h["name"] == TRAPPED))
    assert "brought back by the host itself" in told
    assert show.trapped == show.looks[TRAPPED]


def test_undone_a_host_has_every_byte_mode_owner_package_and_unit_of_before(show: Show) -> None:
    assert show.undone.returncode == 0, show.undone.stdout + show.undone.stderr
    assert show.back == show.looks[GOOD]


def test_the_ledger_of_it_all_is_valid(show: Show) -> None:
    assert show.site.opsbook("records", "verify").returncode == 0
