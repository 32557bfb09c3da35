"""Deciding on changes: what is refused, what is put on record, what follows. All attacks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from doubles.approving import APPROVERS_YML, CLIENT, GUARD, LEAD, Office
from doubles.signatures import MemorySignatures, public
from opsbook.approval.inforce import last_adopted, policy_in_force
from opsbook.approval.verdicts import standing_approval
from opsbook.ledger import resources
from opsbook.ledger.port import Holder
from opsbook.lifecycle.deciding.approving import bring, cancel, expire, still_missing
from opsbook.model.change import ChangeState
from opsbook.model.errors import Busy, InputFault, IntegrityFault, Refused, UsageFault
from opsbook.model.event import NewEvent

HIGH = {"runbook": {"name": "notice", "class": "normal", "risk": {"level": "high"}}}
ONE_IS_ENOUGH = APPROVERS_YML.replace(
    "policy: [{group: client}, {group: operator}]", "policy: [{group: client}]"
)
EMERGENCY = {"emergency": {"reason": "down"}}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path).with_policy()


def with_stranger(office: Office) -> str:
    """``allowed_signers`` with one more key of the client."""
    return office.signers() + f"{CLIENT} {public(office.keys['stranger'])}\n"


def stands(office: Office, change: str) -> None:
    policy = policy_in_force(office.ledger, office.estate, office.signatures)
    dossier = office.dossier(change)
    standing_approval(dossier, policy, office.clock.now(), office.signatures)


def missing(office: Office, change: str) -> list[str]:
    told = still_missing(office.ledger, office.dossier(change), office.places,
                         office.clock.now(), office.signatures)  # fmt: skip
    return [message.english() for message in told]


def test_one_signature_approves_what_needs_one(office: Office) -> None:
    change = office.planned()
    told = missing(office, change)
    assert told[0] == "still to approve: 1 of group client"
    assert told[1].startswith("who asked is nobody's account in the policy")
    with pytest.raises(Refused, match="not approved: still to approve"):
        stands(office, change)
    decided = office.say(change)
    assert (decided.state, decided.missing) == (ChangeState.APPROVED, [])
    stands(office, change)
    entry = office.dossier(change)["statements"][0]
    assert (entry["counts"], entry["problem"], entry["name"]) == (True, None, "甲方")
    assert entry["key"] == office.signatures.fingerprint(office.keys[CLIENT])


def test_a_quorum_of_two_is_reached_by_two(office: Office) -> None:
    change = office.planned(**HIGH)
    first = office.say(change)
    assert first.state is ChangeState.PLANNED
    assert [m.english() for m in first.missing] == ["still to approve: 1 of group operator"]
    assert office.say(change, LEAD).state is ChangeState.APPROVED
    stands(office, change)


@pytest.mark.parametrize("who", [{"user": "zhang", "sudo_user": ""},
                                 {"user": "root", "sudo_user": "zhang"}])  # fmt: skip
@pytest.mark.parametrize("key", [CLIENT, "client2"])
def test_nobody_approves_what_they_asked_for_with_any_key(
    office: Office, who: dict[str, str], key: str
) -> None:
    change = office.planned(requested_by=who)
    with pytest.raises(Refused, match="nobody approves or reviews their own"):
        office.say(change, key=key)
    assert office.dossier(change)["state"] == "planned"
    assert office.dossier(change)["statements"][0]["counts"] is False


def test_two_keys_of_one_person_are_one_vote(office: Office) -> None:
    office.write(
        "approvers.yml", APPROVERS_YML.replace("groups: [client]", "groups: [client, operator]")
    )
    change = office.propose()
    for who in (CLIENT, LEAD):
        office.say(change, who)
    office.adopt(change)
    change = office.planned(**HIGH)
    office.say(change)
    with pytest.raises(Refused, match="a person has one vote"):
        office.say(change, role="operator", key="client2")
    assert office.dossier(change)["state"] == "planned"


def test_a_replayed_statement_counts_once(office: Office) -> None:
    change = office.planned(**HIGH)
    data = office.statement(change).to_bytes()
    office.bring(change, data)
    for _ in range(2):
        with pytest.raises(Refused, match="one vote"):
            office.bring(change, data)
    assert [s["counts"] for s in office.dossier(change)["statements"]] == [True, False, False]


def test_the_wrong_group_does_not_count(office: Office) -> None:
    change = office.planned()
    with pytest.raises(Refused, match="group security is not asked"):
        office.say(change, GUARD)
    with pytest.raises(Refused, match="is not of group client"):
        office.say(change, GUARD, role="client")


def altered(office: Office, change: str, **parts: Any) -> bytes:
    from dataclasses import replace

    return replace(office.statement(change), **parts).to_bytes()


def test_statements_about_something_else_or_of_another_time_do_not_count(office: Office) -> None:
    change, other = office.planned(), office.planned()
    cases = [
        (office.statement(other).to_bytes(), f"made for {other}"),
        (altered(office, change, estate="large"), "made for estate large"),
        (altered(office, change, subject=office.dossier(other)["plan_digest"]), "another plan"),
        (altered(office, change, policy_digest="sha256:" + "0" * 64), "another approver policy"),
        (altered(office, change, claimed_at="2026-11-21T08:40:59.999999Z"), "before the plan was"),
        (altered(office, change, claimed_at="2026-11-21T08:44:00.000000Z"), "in the future"),
        (altered(office, change, expires="2026-11-21T08:41:00.000000Z"), "good only until"),
        (altered(office, change, principal="stranger"), "is not allowed for stranger"),
    ]
    for data, words in cases:
        with pytest.raises(Refused, match=words):
            office.bring(change, data)
    assert office.dossier(change)["state"] == "planned"
    assert not any(s["counts"] for s in office.dossier(change)["statements"])


def test_forged_stripped_and_foreign_signatures_do_not_count(office: Office) -> None:
    change = office.planned()
    data = office.statement(change).to_bytes()
    good = office.signatures.sign(data, office.keys[CLIENT])
    other = office.signatures.sign(data + b" ", office.keys[CLIENT])
    foreign = MemorySignatures(*office.keys.values(), namespace="file")
    forgeries = [
        ("", "not a whole signature"),
        (good[:-40], "not a whole signature"),
        (other, "not the bytes"),
        (office.signatures.sign(data, office.keys["stranger"]), "is not allowed for"),
        (office.signatures.sign(data, office.keys[LEAD]), "is not allowed for"),
        (foreign.sign(data, office.keys[CLIENT]), "made for file"),
    ]
    for signature, words in forgeries:
        with pytest.raises(Refused, match=words):
            bring(office.desk(change), data, signature)
    assert office.dossier(change)["state"] == "planned"
    with pytest.raises(Refused):
        stands(office, change)


def test_a_statement_in_another_byte_form_is_not_even_recorded(office: Office) -> None:
    import json

    change = office.planned()
    pretty = json.dumps(json.loads(office.statement(change).to_bytes()), indent=1).encode()
    with pytest.raises(InputFault, match="canonical"):
        office.bring(change, pretty)
    assert office.dossier(change)["statements"] == []


def test_events_that_merely_claim_an_approval_approve_nothing(office: Office) -> None:
    change = office.planned()
    data = office.statement(change).to_bytes()
    forged = {"statement": data.decode(), "signature": "none", "counts": True, "problem": None,
              "decision": "approve", "principal": CLIENT}  # fmt: skip
    office.ledger.append([
        NewEvent("change.signed", "small", change, payload=forged),
        NewEvent("change.approved", "small", change, payload={"principals": [CLIENT]}),
    ])  # fmt: skip
    assert office.dossier(change)["state"] == "approved"
    with pytest.raises(Refused, match="is not approved"):
        stands(office, change)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("allowed_signers", lambda o: with_stranger(o), "added for client"),
        ("allowed_signers", lambda o: "".join(o.signers().splitlines(True)[:-1]), "removed"),
        ("allowed_signers", lambda o: o.signers('valid-before="20300101" '), "options were"),
        ("approvers.yml", lambda o: ONE_IS_ENOUGH, "policy changed"),
        ("approvers.yml", lambda o: APPROVERS_YML + "# x\n", "written differently"),
    ],
)  # fmt: skip
def test_files_changed_without_the_quorum_stop_everything_and_are_named(
    office: Office, file: str, text: Any, words: str
) -> None:
    change = office.planned()
    office.say(change)
    waiting = office.planned()
    data = office.statement(waiting).to_bytes()
    office.write(file, text(office))
    with pytest.raises(Refused, match=words):
        stands(office, change)
    with pytest.raises(Refused, match=words):
        office.bring(waiting, data)
    assert words in missing(office, waiting)[0]
    office.write("approvers.yml", APPROVERS_YML)
    office.write("allowed_signers", office.signers())
    stands(office, change)


def test_a_policy_is_adopted_by_the_quorum_of_the_one_before(office: Office) -> None:
    old = office.planned()
    office.say(old)
    office.write(
        "allowed_signers", office.signers() + f"{CLIENT} {public(office.keys['stranger'])}\n"
    )
    change = office.propose()
    told = [m["text"] for m in office.dossier(change)["plan"]["differences"]]
    assert told == ["key {key} added for {principal}"]
    with pytest.raises(Refused, match="is not allowed for"):
        office.say(change, key="stranger")
    office.say(change)
    with pytest.raises(Refused, match="its state is planned"):
        office.adopt(change)
    assert office.say(change, LEAD).state is ChangeState.APPROVED
    office.adopt(change)
    assert office.dossier(change)["state"] == "applied"
    with pytest.raises(Refused, match="its state is applied"):
        office.adopt(change)
    with pytest.raises(Refused, match="policy changed since"):
        stands(office, old)
    with pytest.raises(Refused, match="policy changed since"):
        office.say(old, LEAD)
    new = office.planned()
    assert office.say(new, key="stranger").state is ChangeState.APPROVED
    stands(office, new)


def test_two_proposals_at_once_are_not_both_adopted(office: Office) -> None:
    office.write("approvers.yml", APPROVERS_YML + "validity: {plan: 24h}\n")
    one, two = office.propose(), office.propose()
    for change in (one, two):
        for who in (CLIENT, LEAD):
            office.say(change, who)
    office.adopt(one)
    with pytest.raises(Refused, match="policy changed since"):
        office.adopt(two)
    adopted = last_adopted(office.ledger, "small", office.signatures)
    assert adopted is not None
    assert adopted.change == one


def test_files_changed_after_the_proposal_are_not_adopted(office: Office) -> None:
    office.write("approvers.yml", APPROVERS_YML + "validity: {plan: 24h}\n")
    change = office.propose()
    office.say(change)
    office.write("approvers.yml", APPROVERS_YML + "validity: {plan: 9999h}\n")
    with pytest.raises(Refused, match="validity changed"):
        office.say(change, LEAD)
    office.write("approvers.yml", APPROVERS_YML + "validity: {plan: 24h}\n")
    office.say(change, LEAD)
    office.write("approvers.yml", APPROVERS_YML)
    with pytest.raises(Refused, match="validity changed"):
        office.adopt(change)


def test_a_policy_smuggled_into_the_ledger_is_found(office: Office) -> None:
    office.write(
        "allowed_signers", office.signers() + f"{CLIENT} {public(office.keys['stranger'])}\n"
    )
    change = office.propose()
    payload = {**office.dossier(change)["plan"]["policy"], "change": change}
    office.ledger.append([NewEvent("policy.adopted", "small", change, payload=payload)])
    with pytest.raises(IntegrityFault, match="was not signed as it had to be"):
        policy_in_force(office.ledger, office.estate, office.signatures)


def test_a_policy_under_a_change_that_planned_another_is_found(office: Office) -> None:
    first = last_adopted(office.ledger, "small", office.signatures)
    assert first is not None
    payload = {**first.policy.to_json(), "allowed_signers": "x", "change": first.change}
    office.ledger.append([NewEvent("policy.adopted", "small", first.change, payload=payload)])
    with pytest.raises(IntegrityFault, match="not what was planned"):
        policy_in_force(office.ledger, office.estate, office.signatures)


def test_without_a_policy_in_force_nothing_goes_on(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with pytest.raises(Refused, match="no approver policy in force"):
        policy_in_force(office.ledger, office.estate, office.signatures)


def test_a_key_that_ended_does_not_sign_even_with_the_clock_set_back(office: Office) -> None:
    office.write("allowed_signers", office.signers('valid-before="20261121090000Z" '))
    change = office.propose()
    for who in (CLIENT, LEAD):
        office.say(change, who)
    office.adopt(change)
    good = office.planned()
    office.say(good)
    office.clock.wall = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    late = office.planned()
    with pytest.raises(Refused, match="is not allowed for"):
        office.say(late)
    stands(office, good)
    data = altered(office, late, claimed_at="2026-11-21T08:50:00.000000Z")
    office.clock.wall = datetime(2026, 11, 21, 8, 50, tzinfo=UTC)
    with pytest.raises(Refused, match="before the last event of the ledger"):
        office.bring(late, data)
    with pytest.raises(Refused, match="before the last event"):
        cancel(office.desk(late), "x")


def test_an_approval_that_ended_no_longer_stands(office: Office) -> None:
    change = office.planned()
    office.say(change, valid=timedelta(hours=1))
    office.clock.advance(3599)
    stands(office, change)
    office.clock.advance(1)
    with pytest.raises(Refused, match="good only until"):
        stands(office, change)
    office.say(change)
    stands(office, change)


def test_a_rejection_outweighs_approvals_and_is_final(office: Office) -> None:
    change = office.planned()
    office.say(change)
    assert office.say(change, GUARD, "reject", reason="no").state is ChangeState.REJECTED
    assert office.dossier(change)["rejected"]["reason"] == "no"
    with pytest.raises(Refused, match="its state is rejected"):
        office.say(change, LEAD)
    with pytest.raises(Refused, match="rejected it"):
        stands(office, change)


def test_a_change_is_cancelled_once_and_not_after_it_began(office: Office) -> None:
    change = office.planned()
    assert cancel(office.desk(change), "not now").state is ChangeState.CANCELLED
    with pytest.raises(Refused, match="its state is cancelled"):
        cancel(office.desk(change), "again")
    with pytest.raises(Refused, match="its state is cancelled"):
        office.say(change)
    begun = office.planned()
    office.say(begun)
    office.ledger.append([NewEvent("change.begun", "small", begun, payload={"run": "RUN-1"})])
    with pytest.raises(Refused, match="its state is being applied"):
        cancel(office.desk(begun), "late")


def test_a_plan_whose_time_is_over_expires_on_record(office: Office) -> None:
    change, other = office.planned(), office.planned()
    assert expire(office.desk(change)) is None
    office.clock.advance(72 * 3600)
    ended = expire(office.desk(change))
    assert ended is not None
    assert ended.state is ChangeState.EXPIRED
    with pytest.raises(Refused, match="expired at"):
        office.say(other)
    assert office.dossier(other)["state"] == "expired"


def test_an_emergency_is_approved_by_one_and_reviewed_by_another(office: Office) -> None:
    who = {"user": "zhang", "sudo_user": ""}
    change = office.planned(**EMERGENCY, requested_by=who)
    with pytest.raises(Refused, match="its state is planned"):
        office.say(change, GUARD, "review", reason="early")
    assert office.say(change, LEAD).state is ChangeState.APPROVED
    ended = {"run": "RUN-1", "state": "closed", "exit": 0, "becomes": "applied"}
    office.ledger.append([NewEvent("change.ended", "small", change, payload=ended)])
    with pytest.raises(Refused, match="nobody approves or reviews their own"):
        office.say(change, CLIENT, "review", reason="all well")
    assert office.dossier(change)["review"]["due"] is True
    office.clock.advance(40 * 24 * 3600)
    office.say(change, GUARD, "review", reason="looked at")
    review = office.dossier(change)["review"]
    assert (review["due"], review["done"]["principal"]) == (False, GUARD)
    with pytest.raises(Refused, match="reviewed already"):
        office.say(change, LEAD, "review", reason="again")
    with pytest.raises(UsageFault, match="owes no review"):
        office.say(office.planned(), GUARD, "review", reason="x")


def test_a_change_that_somebody_works_on_is_not_decided_on_meanwhile(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opsbook.lifecycle.deciding.approving._PAUSE_SECONDS", 0)
    change = office.planned()
    data = office.statement(change).to_bytes()
    lease = office.ledger.take(resources.of_change("small", change), Holder("RUN-1", 1, 1, "b"))
    with pytest.raises(Busy, match="held by RUN-1"):
        office.bring(change, data)
    office.ledger.release(lease)
    assert office.bring(change, data).state is ChangeState.APPROVED


@pytest.mark.parametrize("kind", ["envelope"])
def test_an_approved_envelope_stands(office: Office, kind: str) -> None:
    change = office.planned(kind=kind)
    assert office.say(change).state is ChangeState.STANDING
    office.clock.advance(100 * 24 * 3600)
    stands(office, change)
