"""Who asked, and whether the approver policy knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsbook.approval.policy import Policy
from opsbook.approval.verdicts import (
    accounts_of,
    refuse_unknown_requester,
    unknown_requester,
)
from opsbook.execution.requester import login_account
from opsbook.model.errors import Refused
from opsbook.model.places import account

PERSON = {"principal": "lead@example.invalid", "name": "Lead", "accounts": ["lead"]}


def policy(**more: object) -> Policy:
    return Policy({"schema": 1, "approvers": [PERSON]} | more, "", "")


@pytest.mark.parametrize(
    ("text", "found"),
    [("0", account(0)), ("4294967295", ""), ("-1", ""), ("x", ""), ("", ""), ("9" * 30, "")],
)
def test_the_login_is_what_the_kernel_says(tmp_path: Path, text: str, found: str) -> None:
    file = tmp_path / "loginuid"
    file.write_text(text, encoding="ascii")
    assert login_account(file) == found


def test_where_the_kernel_says_nothing_there_is_no_login(tmp_path: Path) -> None:
    assert login_account(tmp_path / "none") == ""


@pytest.mark.parametrize("name", ["user", "sudo_user", "login_user"])
def test_every_account_behind_a_request_counts(name: str) -> None:
    who = {"user": "root", "sudo_user": "", "login_user": ""} | {name: "lead"}
    assert "lead" in accounts_of(who)
    assert unknown_requester(who, policy()) is None
    refuse_unknown_requester(who, policy(known_requesters=True))


def test_nobody_is_told_and_refused_only_where_the_policy_asks_for_it() -> None:
    who = {"user": "guest"}
    assert unknown_requester(who, policy()) is not None
    refuse_unknown_requester(who, policy())
    with pytest.raises(Refused, match="guest is nobody's account"):
        refuse_unknown_requester(who, policy(known_requesters=True))
