"""What an approver policy must be, and what differs between two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from doubles.signatures import public
from opsbook.approval.allowed_signers import read_signers
from opsbook.approval.policy import Policy, differences
from opsbook.approval.sanity import flaws

ANNA, BERT = Path("/keys/anna"), Path("/keys/bert")
TWO = f"anna {public(ANNA)}\nbert {public(BERT)}\n"


def person(name: str, *groups: str, accounts: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"principal": name, "name": name, "groups": list(groups) or ["client"],
            "accounts": list(accounts)}  # fmt: skip


def policy(signers: str = TWO, **parts: Any) -> Policy:
    declared = {"schema": 1, "approvers": [person("anna"), person("bert")]}
    return Policy(declared | parts, signers, "")


def told(made: Policy) -> list[str]:
    return [f"{'.'.join(map(str, f.path)) or f.line}: {f.problem.english()}" for f in flaws(made)]


def test_a_minimal_policy_is_in_order() -> None:
    assert told(policy()) == []
    assert policy().plan_validity.total_seconds() == 72 * 3600


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (policy(approvers=[person("anna")], signers=f"anna {public(ANNA)}"), "policy: it can"),
        (policy(policy=[{"group": "security"}]), "policy: it can never be met: it asks for 1 x s"),
        (policy(emergency={"group": "nobody"}), "emergency: it can never be met"),
        (policy(rules=[{"quorum": [{"group": "client"}, {"count": 2}]}]), "rules.0.quorum: it can"),
        (policy(rules=[{"risks": ["low"], "quorum": [{}]}]), "rules: no rule says who approves"),
        (policy(approvers=[person("anna"), person("bert"), person("cora")]),
         "approvers.2.principal: cora has no key"),
        (policy(approvers=[person("anna"), person("anna")]), "anna is listed twice"),
        (policy(approvers=[person("anna", accounts=("a",)), person("bert", accounts=("a",))]),
         "approvers.1.accounts: account a is that of two"),
        (policy(approvers=[person("anna", "any"), person("bert")]), "no group can be named any"),
        (policy(TWO + f"cora {public(Path('/keys/cora'))}"), "3: cora has a key and is no"),
        (policy(TWO + f"bert {public(ANNA)}"), "is that of two persons"),
        (policy(TWO + f"anna,bert {public(Path('/keys/x'))}"), "is that of two persons"),
        (policy(TWO + f"* {public(Path('/keys/x'))}"), "3: * is a pattern"),
        (policy(TWO + f"!bert,anna {public(Path('/keys/x'))}"), "3: !bert is a pattern"),
        (policy(TWO + "cora ssh-ed25519 AAAA"), "3: the key cannot be read"),
        (policy(TWO + "cora"), "3: the line has no key"),
        (policy(TWO + f"cora no-touch {public(ANNA)}"), "3: unknown option: no-touch"),
        (policy(TWO + f"cora {public(ANNA).replace('ssh-ed25519', 'ssh-rsa')}"), "another kind"),
        (policy(f"bert {public(BERT)}\nanna namespaces=\"file\" {public(ANNA)}"), "anna has no"),
    ],
)  # fmt: skip
def test_what_can_never_work_is_a_fault(made: Policy, fault: str) -> None:
    assert any(fault in line for line in told(made)), told(made)


@pytest.mark.parametrize(
    "more",
    [
        f'cora namespaces="opsbook-bundle" {public(Path("/keys/cora"))}',
        f"*@example.invalid cert-authority {public(Path('/keys/ca'))}",
        "# a remark",
        "",
        f'"anna" valid-before="20300101",valid-after=20200101 {public(Path("/keys/x"))} a b c',
    ],
)
def test_lines_that_are_no_matter_of_approvers_or_just_fine_are_no_fault(more: str) -> None:
    assert told(policy(TWO + more)) == []


def test_nonsense_never_raises() -> None:
    for text in ("\0", '"', "a b c d e", "a " * 1000, "é ssh-ed25519 é", "a =,= ssh-rsa AAAA"):
        assert read_signers(text).lines == ()


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (policy(TWO + f"bert {public(Path('/keys/2'))}"), "added for bert"),
        (policy(f"anna {public(ANNA)}\n"), "of bert removed"),
        (policy(TWO.replace("bert ", 'bert valid-before="20300101" ')), "options were - and are"),
        (policy(TWO + "# x\n"), "allowed_signers was written differently"),
        (policy(approvers=[person("anna"), person("bert"), person("cora")]), "approver cora added"),
        (policy(approvers=[person("anna")]), "approver bert removed"),
        (policy(approvers=[person("anna", "operator"), person("bert")]),
         "approver anna: groups changed"),
        (policy(approvers=[person("bert"), person("anna")]), "another order"),
        (policy(rules=[{"quorum": [{}]}]), "rules changed"),
        (Policy(policy().content, TWO, "sha256:1"), "approvers.yml was written differently"),
    ],
)  # fmt: skip
def test_what_differs_is_told(now: Policy, words: str) -> None:
    found = [message.english() for message in differences(policy(), now)]
    assert any(words in line for line in found), found
    assert now.digest != policy().digest


def test_equal_policies_do_not_differ_and_survive_being_kept() -> None:
    assert differences(policy(), policy()) == []
    assert Policy.from_json(policy().to_json()).digest == policy().digest
