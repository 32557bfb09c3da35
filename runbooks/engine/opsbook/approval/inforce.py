"""The approver policy in force: the last one that the ledger has as adopted.

A policy is adopted as a change of its own, signed by the quorum of the one before it; the first
one is signed by its own. What stands in the files only counts once it was adopted, and nothing is
planned, approved or applied while the files say something else than the policy in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.approval.policy import Policy
from opsbook.approval.policyfiles import refuse_other_files
from opsbook.approval.signatures import Signatures, SshSignatures
from opsbook.approval.verdicts import standing_approval
from opsbook.ledger.changes import project_change
from opsbook.ledger.port import Story
from opsbook.model.canonical import digest
from opsbook.model.errors import IntegrityFault, OpsbookError, Refused
from opsbook.model.estate import Estate
from opsbook.model.event import Event
from opsbook.model.message import msg

ADOPTED = "policy.adopted"


@dataclass(frozen=True, slots=True)
class Adopted:
    """A policy in force, by which change, since when."""

    policy: Policy
    change: str
    at: datetime


def policy_in_force(ledger: Story, estate: Estate, signatures: Signatures | None = None) -> Policy:
    """The policy that decides now.

    Raises Refused when none was ever adopted or the files say something else, IntegrityFault when
    an adoption in the ledger was not signed as it had to be.
    """
    adopted = last_adopted(ledger, estate.name, signatures)
    if adopted is None:
        raise Refused(
            msg("Estate {estate} has no approver policy in force.", estate=estate.name),
            untouched=msg("Nothing was touched."),
            next_step=msg("opsbook policy propose -e {estate} --reason ... begins one.",
                          estate=estate.name),
        )  # fmt: skip
    refuse_other_files(estate, adopted.policy)
    return adopted.policy


def last_adopted(
    ledger: Story, estate: str, signatures: Signatures | None = None
) -> Adopted | None:
    """The last adopted policy, every adoption before it checked against the one before that."""
    checker = signatures or SshSignatures()
    found: Adopted | None = None
    for event in ledger.events(kinds=(ADOPTED,)):
        if event.estate == estate:
            found = _succession(ledger, event, found, checker)
    return found


def governing(
    ledger: Story, dossier: Mapping[str, Any], estate: Estate, signatures: Signatures
) -> Policy:
    """The policy under which a change is decided. A change of policy is decided under the one
    before it, and the first one under itself. Raises Refused when the files say something else.
    """
    plan = dossier["plan"]
    if plan["kind"] != "policy":
        return policy_in_force(ledger, estate, signatures)
    proposed = Policy.from_json(plan["policy"])
    refuse_other_files(estate, proposed)
    before = last_adopted(ledger, estate.name, signatures)
    return before.policy if before else proposed


def _succession(
    ledger: Story, event: Event, before: Adopted | None, signatures: Signatures
) -> Adopted:
    """The policy of an adoption, if its own change was signed under the policy ``before``."""
    try:
        policy = Policy.from_json(event.payload or {})
        dossier = project_change(e for e in ledger.events(run=event.run) if e.seq < event.seq)
        if dossier is None or digest(dossier["plan"]) != dossier["plan_digest"]:
            raise _unsigned(event)
        if dossier["plan"]["kind"] != "policy" or (
            Policy.from_json(dossier["plan"]["policy"]).digest != policy.digest
        ):
            raise _unsigned(event)
        decides = before.policy if before else policy
        standing_approval(dossier, decides, event.at, signatures)
    except (Refused, KeyError, TypeError, ValueError) as error:
        raise _unsigned(event, error if isinstance(error, OpsbookError) else None) from error
    return Adopted(policy, event.run, event.at)


def _unsigned(event: Event, because: OpsbookError | None = None) -> IntegrityFault:
    reason = because.problem if because else msg("it is not what was planned")
    return IntegrityFault(
        msg("The approver policy that {change} put in force was not signed as it had to be:"
            " {reason}", change=event.run, reason=reason),
        untouched=msg("Nothing was touched."),
        next_step=msg("opsbook records verify shows whether the ledger was tampered with."),
    )  # fmt: skip
