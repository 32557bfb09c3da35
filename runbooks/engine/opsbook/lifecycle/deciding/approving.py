"""Deciding on a change: approving, rejecting, cancelling, reviewing, letting it expire.

A person signs a statement, here or on another machine; the statement and its signature are brought
into the ledger as ``change.signed``, whether they count or not, and whatever follows from them
(``change.approved``, ``change.rejected``, ``change.reviewed``) in the same transaction. All of it
under the change's lease. What counts is decided in :mod:`opsbook.approval.judge`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from opsbook.approval.inforce import governing
from opsbook.approval.judge import Cast, Verdict, Vote, judge
from opsbook.approval.policy import Policy
from opsbook.approval.signatures import Signatures, SshSignatures
from opsbook.approval.sshsig import MOST_CHARACTERS, read_claim
from opsbook.approval.statement import Decision, Statement
from opsbook.approval.verdicts import (
    casts_of,
    check_signature,
    requesters,
    subject_of,
    unknown_requester,
    verdict_of,
)
from opsbook.documents.changes.labels import STATES
from opsbook.execution.declared.declarations import load_estate
from opsbook.execution.requester import requester
from opsbook.ledger import resources
from opsbook.ledger.dossier import read_dossier
from opsbook.ledger.port import Ledger
from opsbook.ledger.witness import testify
from opsbook.lifecycle.conduct.carrying import held
from opsbook.lifecycle.moments import refuse_clock_gone_back
from opsbook.lifecycle.reasons import fit_reason
from opsbook.lifecycle.timing import expired
from opsbook.model.change import ChangeState
from opsbook.model.clock import Clock, stamp, unstamp
from opsbook.model.errors import Busy, InputFault, Refused, UsageFault
from opsbook.model.estate import Estate
from opsbook.model.event import NewEvent
from opsbook.model.message import Message, msg
from opsbook.model.places import Places

_TRIES, _PAUSE_SECONDS = 50, 0.1
_UNDECIDED = (ChangeState.PLANNED, ChangeState.APPROVED)
_REVIEWABLE = (
    ChangeState.STOPPED, ChangeState.APPLIED, ChangeState.FAILED, ChangeState.UNDONE,
    ChangeState.REJECTED, ChangeState.CANCELLED, ChangeState.EXPIRED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a change is decided on. ``dossier`` is as it was when the desk was opened."""

    ledger: Ledger
    clock: Clock
    signatures: Signatures
    estate: Estate
    dossier: Mapping[str, Any]

    @property
    def change(self) -> str:
        """The change's number."""
        return str(self.dossier["change"])

    def fresh(self) -> Desk:
        """The desk with the dossier as it is now."""
        dossier = read_dossier(self.ledger, self.change)
        return Desk(self.ledger, self.clock, self.signatures, self.estate, dossier)

    def policy(self) -> Policy:
        """The policy that decides on the change."""
        return governing(self.ledger, self.dossier, self.estate, self.signatures)


@dataclass(frozen=True, slots=True)
class Decided:
    """What has become of the change: its state, what is ``missing``, ``problems`` of witnesses."""

    change: str
    state: ChangeState
    missing: Sequence[Message] = ()
    problems: Sequence[Message] = ()


def open_desk(
    number: str, ledger: Ledger, places: Places, clock: Clock, signatures: Signatures
) -> Desk:
    """The desk of change ``number``. Raises UsageFault when there is none."""
    dossier = read_dossier(ledger, number)
    return Desk(ledger, clock, signatures, load_estate(dossier["directory"], places), dossier)


def still_missing(
    ledger: Ledger,
    dossier: Mapping[str, Any],
    places: Places,
    at: datetime,
    signatures: Signatures | None = None,
) -> list[Message]:
    """What an open change still needs before it can be applied, in sentences, and that nobody
    knows who asked for it. Where nothing can be decided at all, why.
    """
    if dossier["state"] not in _UNDECIDED:
        return []
    checker = signatures or SshSignatures()
    try:
        estate = load_estate(dossier["directory"], places)
        policy = governing(ledger, dossier, estate, checker)
    except (Refused, InputFault, UsageFault) as error:
        return [error.problem]
    unknown = unknown_requester(dossier["plan"].get("requested_by") or {}, policy)
    told = verdict_of(dossier, policy, at, checker).told()
    return [*told, unknown] if unknown else told


def bring(desk: Desk, data: bytes, signature: str) -> Decided:
    """Bring a signed statement; it is on record also when it does not count.

    Raises InputFault when it is no statement, Refused when it does not count or nothing can be
    decided any more, Busy while somebody else is at work on the change.
    """
    statement = Statement.from_bytes(data)
    if len(signature) > MOST_CHARACTERS:
        raise InputFault(msg("The signature is too large for one of OpenSSH."))
    with _alone(desk):
        desk = desk.fresh()
        at = desk.clock.now()
        refuse_clock_gone_back(desk.ledger, at)
        _refuse_by_state(desk, statement.decision, at)
        policy = desk.policy()
        if statement.decision is not Decision.REVIEW:
            _refuse_other_policy(desk, policy)
        cast = check_signature(Cast(statement, at), data, signature, policy, desk.signatures)
        verdict = _with(desk, policy, cast, at)
        vote = verdict.votes[-1]
        signed = _signed(desk, policy, vote, data, signature)
        desk.ledger.append([signed, *_consequences(desk, vote, verdict, signed)])
        problems = testify(desk.ledger.checkpoint(), desk.estate.witnesses)
    if vote.problem is not None:
        raise _does_not_count(desk, statement, vote.problem)
    state = ChangeState(desk.fresh().dossier["state"])
    missing = verdict.told() if state is ChangeState.PLANNED else []
    return Decided(desk.change, state, missing, problems)


def cancel(desk: Desk, reason: str) -> Decided:
    """Withdraw a change that was not begun. Raises Refused when it was, or has ended."""
    told = fit_reason(reason)
    with _alone(desk):
        desk = desk.fresh()
        refuse_clock_gone_back(desk.ledger, desk.clock.now())
        _refuse_ended(desk, _UNDECIDED)
        payload = {"reason": told, "by": _who()}
        return _end(desk, "change.cancelled", payload)


def expire(desk: Desk) -> Decided | None:
    """Put on record that the plan's time is over; None while it is not or it was decided."""
    with _alone(desk):
        desk = desk.fresh()
        if desk.dossier["state"] not in _UNDECIDED or not _over(desk, desk.clock.now()):
            return None
        return _expired(desk)


def _with(desk: Desk, policy: Policy, cast: Cast, at: datetime) -> Verdict:
    """The verdict with one more statement, which stands last."""
    casts = casts_of(desk.dossier, policy, desk.signatures)
    return judge(policy, subject_of(desk.dossier), requesters(desk.dossier), [*casts, cast], at)


def _consequences(desk: Desk, vote: Vote, verdict: Verdict, signed: NewEvent) -> Iterator[NewEvent]:
    """What follows from a statement that counts."""
    said = vote.cast.statement
    event = partial(NewEvent, estate=desk.estate.name, run=desk.change)
    if not vote.counts:
        return
    if said.decision is Decision.REJECT:
        yield event("change.rejected", payload={"reason": said.reason, "by": signed.payload["by"],
                                                "principal": said.principal})  # fmt: skip
    elif said.decision is Decision.REVIEW:
        yield event("change.reviewed", payload=dict(signed.payload), once=True)
    elif verdict.reached and desk.dossier["state"] == ChangeState.PLANNED:
        by = [v.cast.statement.principal for v in verdict.votes if v.counts]
        yield event(
            "change.approved", payload={"principals": by, "kind": desk.dossier["kind"]}, once=True
        )


def _signed(desk: Desk, policy: Policy, vote: Vote, data: bytes, signature: str) -> NewEvent:
    """The statement as it goes on record."""
    said = vote.cast.statement
    who = policy.approver(said.principal)
    payload = {
        "decision": str(said.decision),
        "principal": said.principal,
        "name": who.name if who else "",
        "role": said.role,
        "key": _key(signature),
        "reason": said.reason,
        "claimed_at": said.claimed_at,
        "expires": said.expires,
        "statement": data.decode("utf-8"),
        "signature": signature,
        "counts": vote.counts,
        "problem": vote.problem.to_json() if vote.problem else None,
        "by": _who(),
    }
    return NewEvent("change.signed", desk.estate.name, desk.change, payload=payload)


def _key(signature: str) -> str:
    """The fingerprint that a signature claims; empty where it is none."""
    try:
        return read_claim(signature).fingerprint
    except ValueError:
        return ""


def _refuse_other_policy(desk: Desk, policy: Policy) -> None:
    """A plan binds the policy under which it is decided."""
    if desk.dossier["plan"]["policy_digest"] != policy.digest:
        raise Refused(
            msg("The approver policy changed since {change} was planned.", change=desk.change),
            untouched=msg("Nothing was recorded."),
            next_step=msg("Make a new plan: opsbook plan RUNBOOK -e ESTATE"),
        )


def _refuse_by_state(desk: Desk, decision: Decision, at: datetime) -> None:
    if decision is Decision.REVIEW:
        _refuse_review(desk)
        return
    if desk.dossier["state"] in _UNDECIDED and _over(desk, at):
        _expired(desk)
        raise Refused(
            expired(desk.dossier),
            untouched=msg("Nothing was approved."),
            next_step=msg("Make a new plan: opsbook plan RUNBOOK -e ESTATE"),
        )
    _refuse_ended(desk, _UNDECIDED)


def _refuse_review(desk: Desk) -> None:
    review = desk.dossier["review"]
    if review is None:
        raise UsageFault(
            msg("{change} was no emergency and owes no review.", change=desk.change),
            untouched=msg("Nothing was recorded."),
        )
    if not review["due"]:
        raise Refused(
            msg("{change} was reviewed already.", change=desk.change),
            untouched=msg("Nothing was recorded."),
        )
    _refuse_ended(desk, _REVIEWABLE)


def _refuse_ended(desk: Desk, allowed: Sequence[ChangeState]) -> None:
    state = desk.dossier["state"]
    if state not in allowed:
        raise Refused(
            msg("That cannot be done with {change} now: its state is {state}.",
                change=desk.change, state=STATES[state]),
            untouched=msg("Nothing was recorded."),
            next_step=msg("opsbook records show {change} tells its whole story.",
                          change=desk.change),
        )  # fmt: skip


def _does_not_count(desk: Desk, said: Statement, problem: Message) -> Refused:
    return Refused(
        msg("The statement of {principal} does not count: {reason}.",
            principal=said.principal, reason=problem),
        untouched=msg("It is on record under {change} as not counting; nothing else changed.",
                      change=desk.change),
        next_step=msg("opsbook plan explain {change} shows who has to sign.", change=desk.change),
    )  # fmt: skip


def _over(desk: Desk, at: datetime) -> bool:
    return at >= unstamp(desk.dossier["plan"]["expires"])


def _expired(desk: Desk) -> Decided:
    payload = {"reason": stamp(unstamp(desk.dossier["plan"]["expires"])), "by": _who()}
    return _end(desk, "change.expired", payload)


def _end(desk: Desk, kind: str, payload: Mapping[str, Any]) -> Decided:
    desk.ledger.append([NewEvent(kind, desk.estate.name, desk.change, payload=payload)])
    problems = testify(desk.ledger.checkpoint(), desk.estate.witnesses)
    state = ChangeState(desk.fresh().dossier["state"])
    return Decided(desk.change, state, (), problems)


def _who() -> dict[str, Any]:
    return requester("terminal", None, os.environ)


@contextmanager
def _alone(desk: Desk) -> Iterator[None]:
    """Under the change's lease. Two who sign at once take turns; a run under way is not waited
    for longer than a few seconds. Raises Busy.
    """
    resource = resources.of_change(desk.estate.name, desk.change)
    with ExitStack() as stack:
        for left in reversed(range(_TRIES)):
            try:
                stack.enter_context(held(desk.ledger, resource, desk.change))
                break
            except Busy:
                if not left:
                    raise
                time.sleep(_PAUSE_SECONDS)
        yield
