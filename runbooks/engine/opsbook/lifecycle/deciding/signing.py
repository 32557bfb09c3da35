"""Writing the statement that a person signs, at the control host or away from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from opsbook.approval.judge import Verdict, role_for
from opsbook.approval.policy import Policy
from opsbook.approval.signatures import NAMESPACE, Signatures
from opsbook.approval.statement import Decision, Statement
from opsbook.approval.verdicts import subject_of, verdict_of
from opsbook.lifecycle.deciding.approving import Desk
from opsbook.lifecycle.reasons import fit_reason
from opsbook.model.canonical import digest
from opsbook.model.change import STANDS
from opsbook.model.clock import stamp, unstamp
from opsbook.model.errors import InputFault, Refused, UsageFault
from opsbook.model.message import msg

VALID_AWAY = timedelta(hours=168)
"""How long an approval made without the policy at hand is good, when nothing else is asked (what
stands as long as it stands); the policy may know a shorter time, which then counts.
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to say. Away from the control host ``principal`` and ``role`` are
    needed, because there is no policy to look them up in.
    """

    decision: Decision
    reason: str = ""
    principal: str | None = None
    role: str | None = None
    valid: timedelta | None = None


def statement_at(desk: Desk, wish: Wish, key: Path | None) -> Statement:
    """The statement for the change of ``desk``; who speaks is told by ``key``.

    Raises Refused when the key is nobody's, or the policy knows no such approver.
    """
    policy, at = desk.policy(), desk.clock.now()
    principal = wish.principal or _principal_of(policy, key, desk.signatures)
    who = policy.approver(principal)
    if who is None:
        raise Refused(
            msg("{principal} is not an approver of {estate}.",
                principal=principal, estate=desk.estate.name),
            untouched=msg("Nothing was signed."),
            next_step=msg("opsbook policy show -e {estate} lists the approvers.",
                          estate=desk.estate.name),
        )  # fmt: skip
    verdict: Verdict = verdict_of(desk.dossier, policy, at, desk.signatures)
    role = wish.role or role_for(policy, subject_of(desk.dossier), who, verdict.missing)
    valid = wish.valid or policy.approval_validity(desk.dossier["kind"])
    plan = desk.dossier["plan"]
    return _statement(plan, desk.dossier["plan_digest"], wish, principal, role, at, valid)


def statement_away(plan: Mapping[str, Any], wish: Wish, at: datetime) -> Statement:
    """The statement for an exported plan. Raises UsageFault when it is not said who speaks,
    InputFault when nobody has to approve it, Refused when what would stand is over already.
    """
    if not wish.principal or not wish.role:
        raise UsageFault(
            msg("Away from the ledger it has to be said who decides, and for which group."),
            untouched=msg("Nothing was signed."),
            next_step=msg("Add --principal NAME --role GROUP, as the approver policy has them."),
        )
    valid = wish.valid or _valid_away(plan, at)
    return _statement(plan, digest(plan), wish, wish.principal, wish.role, at, valid)


def _valid_away(plan: Mapping[str, Any], at: datetime) -> timedelta:
    if plan.get("kind") not in STANDS:
        return VALID_AWAY
    try:
        left = unstamp(plan[plan["kind"]]["until"]) - at
    except (KeyError, TypeError, ValueError) as error:
        raise _nobodys_to_approve() from error
    if left <= timedelta():
        raise Refused(
            msg("{change} ended at {until}.", change=plan["change"], until=stamp(at + left)),
            untouched=msg("Nothing was signed."),
        )
    return left


def _nobodys_to_approve() -> InputFault:
    return InputFault(
        msg("This is a plan that nobody has to approve."),
        untouched=msg("Nothing was signed."),
    )


def command_to_sign(file: Path) -> list[str]:
    """The words with which stock OpenSSH signs the statement in ``file``."""
    return ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", "KEY", str(file)]


def _statement(
    plan: Mapping[str, Any],
    subject: str,
    wish: Wish,
    principal: str,
    role: str,
    at: datetime,
    valid: timedelta,
) -> Statement:
    try:
        return Statement(
            estate=plan["estate"]["name"],
            change=plan["change"],
            subject=subject,
            decision=wish.decision,
            principal=principal,
            role=role,
            reason=fit_reason(wish.reason),
            claimed_at=stamp(at),
            expires=stamp(at + valid),
            policy_digest=plan["policy_digest"],
        )
    except (KeyError, TypeError) as error:
        raise _nobodys_to_approve() from error


def _principal_of(policy: Policy, key: Path | None, signatures: Signatures) -> str:
    if key is None:
        raise UsageFault(
            msg("It has to be said who decides."),
            untouched=msg("Nothing was signed."),
            next_step=msg("Add --key FILE, or --principal NAME with --statement-only."),
        )
    fingerprint = signatures.fingerprint(key)
    found = policy.signers.principals_of(fingerprint)
    if len(found) == 1:
        return found[0]
    raise Refused(
        msg("Key {key} ({fingerprint}) is not the key of one approver in allowed_signers.",
            key=key, fingerprint=fingerprint),
        untouched=msg("Nothing was signed."),
        next_step=msg("Use the key that stands there, or say with --principal who signs with a"
                      " certificate."),
    )  # fmt: skip
