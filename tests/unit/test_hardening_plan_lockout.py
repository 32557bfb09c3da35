"""No plan shuts the door behind us: who comes in, from where, by what, and what goes through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from doubles.clock import START
from doubles.hardening import Scene, bad, login
from opsbook.domains.hardening.planning.lockout import lockout
from opsbook.domains.hardening.planning.snapshot import SCHEMA, read_snapshot
from opsbook.domains.hardening.planning.way import way_to
from opsbook.model.estate import Host, Inventory
from opsbook.model.message import Message
from opsbook.model.plan import Outlook

TODAY = int(START.timestamp()) // 86400
CASES: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(
    (Path(__file__).parent / "cases" / "hardening_lockouts.yml").read_text(encoding="utf-8")
)


def who(**more: Any) -> dict[str, Any]:
    """The account of the cases."""
    return login(password={"state": "set", "changed": TODAY - 40}) | more


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_step_that_would_keep_us_out_is_known_before(case: dict[str, Any]) -> None:
    survey = {"schema": SCHEMA, "now": TODAY * 86400, "login": who(**case.get("login", {}))}
    now = read_snapshot("web1", survey)
    others = tuple(
        Host(name, name, jump=f"{user}@web1") for name, user in case.get("behind", {}).items()
    )
    host = Host("web1", "192.0.2.1")
    inventory = Inventory((host, *others), "0" * 64, Path("/nonexistent"))
    way = way_to(host, inventory, now.login, now.day)
    why = lockout([case["step"]], case.get("values", {}), way)
    assert (case["why"] in why.english()) if "why" in case else why is None, why


JUMPS = {
    "web1": True,
    "192.0.2.1": True,
    "ops@web1:2222": True,
    "web10": False,
    "x@10.0.0.1": False,
}


@pytest.mark.parametrize(("jump", "through"), JUMPS.items(), ids=JUMPS)
def test_a_host_behind_another_is_known_by_name_address_and_account(
    jump: str, *, through: bool
) -> None:
    host = Host("web1", "192.0.2.1", user="ops")
    inventory = Inventory((host, Host("db1", "db1", jump=jump)), "0" * 64, Path("/nonexistent"))
    way = way_to(host, inventory, read_snapshot("web1", {"schema": SCHEMA}).login, 0)
    assert way.passed_by == (("db1",) if through else ())


def test_a_control_that_would_lock_us_out_is_left_out_with_what_to_do_first() -> None:
    host = bad()
    host.login = login(user="root", uid=0)
    plan = Scene().plan(host, "sshd.permitrootlogin", "pkg.absent:telnet")
    assert [item.detail["control"] for item in plan.items] == ["pkg.absent:telnet"]
    (row,) = plan.given["manual"]
    assert (row["kind"], row["key"]) == ("lockout", "sshd.permitrootlogin")
    assert "make an account with a key and sudo on it" in Message.from_json(row["reason"]).english()


def test_a_host_outside_the_limit_that_is_reached_through_ours_counts() -> None:
    scene = Scene()
    scene.others = [Host("db1", "db1", jump="root@web1")]
    plan = scene.plan(bad(), "sshd.permitrootlogin")
    assert plan.outlook is Outlook.NOTHING
    assert plan.given["manual"][0]["kind"] == "lockout"


def test_when_nobody_knows_who_we_are_nothing_that_may_lock_out_is_done() -> None:
    host = bad()
    host.login = {}
    plan = Scene().plan(host, "sshd.permitrootlogin", "pkg.absent:telnet")
    assert [item.detail["control"] for item in plan.items] == ["pkg.absent:telnet"]
    assert plan.given["manual"][0]["kind"] == "lockout"


accounts = st.sampled_from(["root", "ops", "zhang"])
patterns = st.lists(st.sampled_from(["root", "ops", "o*", "*@10.0.0.0/8", "*@172.16.*", "?????"]))


@given(accounts, patterns, st.sampled_from(["10.0.0.9", "172.16.3.4", "fd00::1"]))
def test_whoever_sshd_would_turn_away_is_turned_away_here(
    user: str, allowed: list[str], source: str
) -> None:
    """Compared with the words of sshd_config(5), PATTERNS, spelled out once more."""

    def matches(pattern: str) -> bool:
        name, at, where = pattern.partition("@")
        named = {"*": True, "o*": user.startswith("o"), "?????": len(user) == 5}
        places = {"10.0.0.0/8": source.startswith("10."), "172.16.*": source.startswith("172.16.")}
        return named.get(name, name == user) and (not at or places[where])

    survey = {"schema": SCHEMA, "login": login(user=user, source=source)}
    way = way_to(Host("web1", "web1"), Inventory((), "", Path()),
                 read_snapshot("web1", survey).login, TODAY)  # fmt: skip
    step = {"kind": "sshd_option", "option": "AllowUsers", "value": allowed}
    assert (lockout([step], {}, way) is None) == any(map(matches, allowed))
