"""What the statements in a dossier amount to, every signature checked anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from opsbook.approval.judge import Cast, Subject, Verdict, judge
from opsbook.approval.policy import Policy
from opsbook.approval.signatures import Signatures
from opsbook.approval.statement import Decision, Statement
from opsbook.approval.waiver import sweeping
from opsbook.model.clock import unstamp
from opsbook.model.errors import InputFault, OpsbookError, Refused
from opsbook.model.message import Message, msg

Dossier = Mapping[str, Any]
"""A change as :mod:`opsbook.model.change` describes it."""


def standing_approval(
    dossier: Dossier, policy: Policy, now: datetime, signatures: Signatures
) -> None:
    """Raises Refused unless the approval of the change holds at ``now``.

    Nothing that earlier events conclude is trusted: every statement of the dossier is verified
    and judged again, under the policy in force.
    """
    change = dossier["change"]
    verdict = verdict_of(dossier, policy, now, signatures)
    if dossier["plan"].get("policy_digest") != policy.digest:
        raise _stands_not(change, msg("the approver policy changed since it was planned"))
    if verdict.rejected is not None:
        who = verdict.rejected.cast.statement.principal
        raise _stands_not(change, msg("{principal} rejected it", principal=who))
    if not verdict.reached:
        raise _stands_not(change, _why(verdict))


def verdict_of(dossier: Dossier, policy: Policy, now: datetime, signatures: Signatures) -> Verdict:
    """All statements of the dossier, judged under ``policy`` at ``now``."""
    casts = casts_of(dossier, policy, signatures)
    return judge(policy, subject_of(dossier), requesters(dossier), casts, now)


def casts_of(dossier: Dossier, policy: Policy, signatures: Signatures) -> list[Cast]:
    """The approvals and rejections of a dossier in their order, their signatures checked."""
    found = (_cast(entry, policy, signatures) for entry in dossier["statements"])
    return [cast for cast in found if cast is not None]


def check_signature(
    cast: Cast, data: bytes, signature: str, policy: Policy, signatures: Signatures
) -> Cast:
    """``cast`` with what is wrong with its signature, at the moment it was brought."""
    principal = cast.statement.principal
    try:
        signatures.verify(data, signature, policy.allowed_signers, principal, cast.at)
    except Refused as refused:
        return replace(cast, problem=refused.problem)
    return cast


def subject_of(dossier: Dossier) -> Subject:
    """What the statements are about, from the plan alone."""
    plan = dossier["plan"]
    runbook = plan.get("runbook") or {}
    return Subject(
        estate=plan["estate"]["name"],
        change=dossier["change"],
        digest=dossier["plan_digest"],
        kind=plan["kind"],
        class_=str(runbook.get("class", "")),
        risk=str((runbook.get("risk") or {}).get("level", "")),
        emergency=plan.get("emergency") is not None,
        made=unstamp(plan["made"]),
        expires=unstamp(plan["expires"]),
        policy_digest=plan["policy_digest"],
        sweeping=sweeping(plan),
    )


def requesters(dossier: Dossier) -> list[str]:
    """The accounts behind the change."""
    return accounts_of(dossier["plan"].get("requested_by") or {})


def accounts_of(who: Mapping[str, Any]) -> list[str]:
    """Every account that the evidence ``who`` of a requester names."""
    return [str(who[name]) for name in ("user", "sudo_user", "login_user") if who.get(name)]


def unknown_requester(who: Mapping[str, Any], policy: Policy) -> Message | None:
    """What is to be told where ``who`` is nobody the policy knows; None where it is somebody."""
    known = {account for each in policy.declared.approvers for account in each.accounts}
    if known & set(accounts_of(who)):
        return None
    return msg("who asked is nobody's account in the policy, so that four eyes rest on your word")


def refuse_unknown_requester(who: Mapping[str, Any], policy: Policy) -> None:
    """Raises Refused where the policy says ``known_requesters`` and does not know ``who``."""
    if policy.declared.known_requesters and unknown_requester(who, policy) is not None:
        raise Refused(
            msg("{account} is nobody's account in the approver policy, which asks for known"
                " requesters.", account=", ".join(accounts_of(who))),
            untouched=msg("Nothing was touched."),
            next_step=msg("Ask for it under an account that stands in approvers.yml."),
        )  # fmt: skip


def _cast(entry: Mapping[str, Any], policy: Policy, signatures: Signatures) -> Cast | None:
    """A statement as the ledger has it; one that cannot be read at all says nothing."""
    data = str(entry.get("statement", "")).encode("utf-8", "surrogatepass")
    try:
        statement = Statement.from_bytes(data)
    except InputFault:
        return None
    if statement.decision is Decision.REVIEW:
        return None
    cast = Cast(statement, unstamp(entry["at"]["utc"]))
    return check_signature(cast, data, str(entry.get("signature", "")), policy, signatures)


def _why(verdict: Verdict) -> Message:
    """The first statement that no longer counts tells more than an empty seat."""
    lost = [vote.problem for vote in verdict.votes if vote.problem is not None]
    told = verdict.told()
    if lost and told:
        return msg("{missing}; {reason}", missing=told[0], reason=lost[0])
    return told[0] if told else msg("nobody approved it")


def _stands_not(change: str, reason: Message) -> OpsbookError:
    return Refused(
        msg("{change} is not approved: {reason}.", change=change, reason=reason),
        untouched=msg("No host was touched."),
        next_step=msg("opsbook plan explain {change} shows who has to sign.", change=change),
    )
