"""Which statements count: a table of situations, and rules that hold for any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.approval.judge import TOLERANCE, Cast, Subject, Verdict, judge
from opsbook.approval.policy import Policy
from opsbook.approval.statement import Decision, Statement
from opsbook.model.clock import stamp
from opsbook.model.message import msg

MADE = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
NOW = MADE + timedelta(hours=1)
DIGEST, POLICY = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def policy(**parts: Any) -> Policy:
    people = [
        {"principal": "anna", "name": "安", "groups": ["client"], "accounts": ["an"]},
        {"principal": "bert", "name": "白", "groups": ["client", "operator"], "accounts": []},
        {"principal": "cora", "name": "曹", "groups": ["operator"], "accounts": ["cora", "root"]},
        {"principal": "dora", "name": "丁", "groups": ["security"], "accounts": []},
    ]
    rules = [
        {"risks": ["high"], "quorum": [{"group": "client"}, {"group": "operator"}]},
        {"risks": ["medium"], "quorum": [{"group": "client", "count": 2}]},
        {"quorum": [{"group": "any", "count": 1}]},
    ]
    declared = {
        "schema": 1, "approvers": people, "rules": rules, "emergency": {"group": "operator"},
        "policy": [{"group": "client", "count": 2}, {"group": "security"}],
    }  # fmt: skip
    return Policy(declared | parts, "", "")


def subject(risk: str = "high", **changes: Any) -> Subject:
    made = Subject("small", "CHG-20261121-001", DIGEST, "runbook", "normal", risk, False, MADE,
                   MADE + timedelta(days=3), POLICY)  # fmt: skip
    return replace(made, **changes)


def cast(who: str, role: str, decision: str = "approve", *, at: datetime = NOW,
         problem: Any = None, **changes: Any) -> Cast:  # fmt: skip
    claimed = stamp(changes.pop("claimed", at))
    said = Statement("small", "CHG-20261121-001", DIGEST, Decision(decision), who, role, "",
                     claimed, stamp(at + timedelta(days=1)), POLICY)  # fmt: skip
    return Cast(replace(said, **changes), at, problem)


def judged(casts: Sequence[Cast], requester: Sequence[str] = ("wang",), risk: str = "high",
           now: datetime = NOW, **changes: Any) -> Verdict:  # fmt: skip
    return judge(policy(), subject(risk, **changes), requester, casts, now)


def why(verdict: Verdict) -> str:
    problem = verdict.votes[-1].problem
    return problem.english() if problem else ""


ANNA, CORA = cast("anna", "client"), cast("cora", "operator")


@pytest.mark.parametrize(
    ("casts", "risk", "reached"),
    [
        ([], "high", False),
        ([ANNA], "high", False),
        ([ANNA, CORA], "high", True),
        ([CORA, ANNA], "high", True),
        ([ANNA, cast("bert", "operator")], "high", True),
        ([ANNA, cast("bert", "client")], "high", False),
        ([cast("bert", "client"), cast("bert", "operator")], "high", False),
        ([ANNA, ANNA], "medium", False),
        ([ANNA, cast("bert", "client")], "medium", True),
        ([cast("dora", "security")], "low", True),
        ([ANNA, CORA, cast("dora", "security", "reject")], "high", False),
        ([cast("dora", "security", "reject"), ANNA, CORA], "high", False),
    ],
)
def test_the_quorum_is_distinct_persons_of_each_group(
    casts: list[Cast], risk: str, reached: bool
) -> None:
    assert judged(casts, risk=risk).reached is reached


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (cast("anna", "client", problem=msg("forged")), "forged"),
        (cast("anna", "client", estate="other"), "made for estate other"),
        (cast("anna", "client", change="CHG-20261121-002"), "made for CHG-20261121-002"),
        (cast("anna", "client", subject="sha256:" + "c" * 64), "made for another plan"),
        (cast("anna", "client", policy_digest=DIGEST), "another approver policy"),
        (cast("eve", "client"), "eve is not an approver"),
        (cast("anna", "operator"), "anna is not of group operator"),
        (cast("dora", "security"), "group security is not asked"),
        (cast("anna", "client", claimed=MADE - timedelta(microseconds=1)), "before the plan was"),
        (cast("anna", "client", at=MADE - timedelta(hours=1), claimed=MADE), "before the plan"),
        (cast("anna", "client", claimed=NOW + TOLERANCE + timedelta(seconds=1)), "in the future"),
        (cast("anna", "client", expires=stamp(NOW)), "good only until"),
        (cast("anna", "client", at=NOW, expires=stamp(MADE)), "good only until"),
    ],
)
def test_what_does_not_count_says_why(one: Cast, words: str) -> None:
    verdict = judged([one])
    assert words in why(verdict)
    assert not verdict.reached
    assert len(verdict.missing) == 2


@pytest.mark.parametrize("requester", [("an", ""), ("root", "an"), ("an", "root")])
def test_who_asked_never_approves_under_any_key_or_account(requester: tuple[str, ...]) -> None:
    assert "nobody approves or reviews their own" in why(judged([ANNA], requester))
    assert "nobody approves or reviews" in why(
        judged([cast("anna", "client", "review")], requester)
    )
    assert judged([cast("anna", "client", "reject")], requester).rejected is not None


def test_an_empty_account_is_nobody() -> None:
    assert judged([ANNA, CORA], ("", "")).reached


def test_a_second_statement_of_a_person_does_not_count_but_after_the_first_ended_it_does() -> None:
    first = cast("anna", "client", expires=stamp(NOW + timedelta(hours=1)))
    second = cast("anna", "client", at=NOW + timedelta(minutes=1))
    early = judged([first, second], now=NOW + timedelta(minutes=2))
    assert [vote.counts for vote in early.votes] == [True, False]
    assert "has approved already" in why(early)
    late = judged([first, second], now=NOW + timedelta(hours=2))
    assert [vote.counts for vote in late.votes] == [False, True]


def test_an_approval_is_good_no_longer_than_the_policy_allows() -> None:
    long = cast("anna", "client", expires=stamp(NOW + timedelta(days=300)))
    assert "good only until" in why(judged([long], now=NOW + timedelta(hours=168)))
    assert not why(judged([long], now=NOW + timedelta(hours=167)))
    assert not why(judged([long], now=NOW + timedelta(hours=169), kind="envelope", risk="low"))


def test_an_emergency_needs_one_of_its_group_and_only_of_it() -> None:
    assert judged([CORA], emergency=True).reached
    assert "not asked" in why(judged([ANNA], emergency=True))
    assert not judged([ANNA], emergency=True).reached


def test_a_change_of_policy_has_its_own_quorum() -> None:
    three = [ANNA, cast("bert", "client"), cast("dora", "security")]
    for place in range(3):
        assert not judged(three[:place] + three[place + 1 :], kind="policy").reached
    assert judged(three, kind="policy").reached


def test_what_is_missing_is_told_in_sentences() -> None:
    assert [m.english() for m in judged([ANNA]).told()] == ["still to approve: 1 of group operator"]
    assert [m.english() for m in judged([], risk="low").told()] == [
        "still to approve: 1 of any group"
    ]


PEOPLE = {"anna": ["client"], "bert": ["client", "operator"], "cora": ["operator"],
          "dora": ["security"], "eve": ["client"]}  # fmt: skip
CASTS = st.builds(
    cast,
    st.sampled_from(sorted(PEOPLE)),
    st.sampled_from(["client", "operator", "security", "any"]),
    st.sampled_from(["approve", "approve", "approve", "reject", "review"]),
    at=st.integers(-2, 30).map(lambda hours: MADE + timedelta(hours=hours)),
    problem=st.sampled_from([None, None, None, msg("forged")]),
    subject=st.sampled_from([DIGEST, DIGEST, DIGEST, POLICY]),
)


@given(st.lists(CASTS, max_size=8), st.sampled_from(["low", "medium", "high"]),
       st.sampled_from(["wang", "an", "root"]))  # fmt: skip
def test_a_reached_quorum_always_has_enough_distinct_persons_who_may(
    casts: list[Cast], risk: str, requester: str
) -> None:
    verdict = judged(casts, (requester,), risk, NOW)
    good = [v.cast.statement for v in verdict.votes if v.counts]
    voters = [said.principal for said in good if said.decision is Decision.APPROVE]
    assert len(voters) == len(set(voters))
    assert all(said.role in PEOPLE[said.principal] for said in good)
    assert "eve" not in voters
    assert not (requester == "an" and "anna" in voters)
    assert not (requester == "root" and "cora" in voters)
    if verdict.reached:
        needed = {"low": 1, "medium": 2, "high": 2}[risk]
        assert len(voters) >= needed
        assert not any(said.decision is Decision.REJECT for said in good)


@given(st.lists(CASTS, max_size=6), st.randoms())
def test_bringing_statements_again_changes_nothing(casts: list[Cast], random: Any) -> None:
    again = [*casts, *random.sample(casts, len(casts))]
    assert judged(again).reached == judged(casts).reached
