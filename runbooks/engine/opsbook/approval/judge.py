"""Which statements about a plan count, which do not and why, and what is still missing. Pure.

Rules, in the order in which they are looked at:

- a signature that does not hold, another estate, change, plan or policy: does not count;
- who is not an approver, or not of the group named as role: does not count;
- made before the plan was, or later than it was brought, or no longer valid: does not count;
- who asked for the change never approves or reviews it, under whatever key or account;
- a person has one vote, however many keys or statements; the first that counts is theirs;
- a group that the quorum does not ask for: does not count;
- one rejection that counts outweighs everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from opsbook.approval.policy import ANY, Approver, Policy, Seat
from opsbook.approval.statement import Decision, Statement
from opsbook.approval.waiver import SECURITY
from opsbook.model.message import Message, msg

TOLERANCE = timedelta(minutes=2)
"""How far the clock of an approver's machine may be ahead of the control host's."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is decided on. ``made`` and ``expires`` are the plan's; ``sweeping`` is a waiver that
    accepts every finding.
    """

    estate: str
    change: str
    digest: str
    kind: str
    class_: str
    risk: str
    emergency: bool
    made: datetime
    expires: datetime
    policy_digest: str
    sweeping: bool = False


@dataclass(frozen=True, slots=True)
class Cast:
    """A statement that was brought ``at`` that moment, by the ledger; ``problem`` is that of its
    signature.
    """

    statement: Statement
    at: datetime
    problem: Message | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """A statement, and why it does not count."""

    cast: Cast
    problem: Message | None

    @property
    def counts(self) -> bool:
        """Whether it counts."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class Verdict:
    """All votes in their order, the seats still empty, and the rejection that counts."""

    votes: Sequence[Vote]
    missing: Sequence[Seat]
    rejected: Vote | None

    @property
    def reached(self) -> bool:
        """Whether the plan is approved."""
        return not self.missing and self.rejected is None

    def told(self) -> list[Message]:
        """What is still missing, in sentences."""
        return [
            msg("still to approve: {count} of any group", count=seat.count)
            if seat.group == ANY
            else msg("still to approve: {count} of group {group}",
                     count=seat.count, group=seat.group)
            for seat in self.missing
        ]  # fmt: skip


def judge(
    policy: Policy,
    subject: Subject,
    requester: Iterable[str],
    casts: Sequence[Cast],
    now: datetime,
) -> Verdict:
    """Judge all ``casts``, in the order of the ledger; ``requester`` are accounts."""
    accounts = {account for account in requester if account}
    quorum = quorum_for(policy, subject)
    heard: set[str] = set()
    votes: list[Vote] = []
    for cast in casts:
        said = cast.statement
        problem = _problem(policy, subject, accounts, cast, now)
        if problem is None and said.decision is Decision.APPROVE:
            problem = _surplus(said, quorum, heard)
            if problem is None:
                heard.add(said.principal)
        votes.append(Vote(cast, problem))
    good = [vote for vote in votes if vote.counts]
    rejections = [vote for vote in good if vote.cast.statement.decision is Decision.REJECT]
    roles = [v.cast.statement.role for v in good if v.cast.statement.decision is Decision.APPROVE]
    return Verdict(votes, _missing(quorum, roles), rejections[0] if rejections else None)


def quorum_for(policy: Policy, subject: Subject) -> tuple[Seat, ...]:
    """Who has to agree to ``subject``."""
    declared = policy.declared
    if subject.kind == "policy":
        return declared.policy
    if subject.kind == "envelope":
        return declared.envelope
    if subject.kind == "waiver":
        return _for_waiver(declared.waiver, subject)
    if subject.emergency:
        return (Seat(group=declared.emergency.group),)
    rule = declared.quorum_for(subject.class_, subject.risk)
    return rule if rule is not None else (Seat(count=len(declared.approvers) + 1),)


def _for_waiver(quorum: tuple[Seat, ...], subject: Subject) -> tuple[Seat, ...]:
    """Nobody accepts everything without one of those who answer for security; that person takes
    a seat of any group, where there is one.
    """
    if not subject.sweeping or any(seat.group == SECURITY for seat in quorum):
        return quorum
    seats = [seat.group for seat in quorum for _ in range(seat.count)]
    if ANY in seats:
        seats.remove(ANY)
    counts = Counter([SECURITY, *seats])
    return tuple(Seat(group=group, count=count) for group, count in counts.items())


def role_for(policy: Policy, subject: Subject, who: Approver, missing: Sequence[Seat]) -> str:
    """The group in whose name ``who`` speaks when none is named: one that is still missing."""
    wanted = [seat.group for seat in (*missing, *quorum_for(policy, subject))]
    return next((group for group in wanted if group in who.groups), who.groups[0])


def _problem(
    policy: Policy, subject: Subject, accounts: set[str], cast: Cast, now: datetime
) -> Message | None:
    """Why a statement does not count whatever others say."""
    if cast.problem is not None:
        return cast.problem
    return (
        _elsewhere(subject, cast.statement)
        or _stranger(policy, subject, accounts, cast.statement)
        or _untimely(policy, subject, cast, now)
    )


def _elsewhere(subject: Subject, said: Statement) -> Message | None:
    if said.estate != subject.estate:
        return msg("it was made for estate {estate}", estate=said.estate)
    if said.change != subject.change:
        return msg("it was made for {change}", change=said.change)
    if said.subject != subject.digest:
        return msg("it was made for another plan: {digest}", digest=said.subject)
    if said.policy_digest != subject.policy_digest:
        return msg("it was made under another approver policy: {digest}",
                   digest=said.policy_digest)  # fmt: skip
    return None


def _stranger(
    policy: Policy, subject: Subject, accounts: set[str], said: Statement
) -> Message | None:
    who = policy.approver(said.principal)
    if who is None:
        return msg("{principal} is not an approver", principal=said.principal)
    if said.role not in who.groups:
        return msg("{principal} is not of group {group}",
                   principal=said.principal, group=said.role)  # fmt: skip
    own = sorted(accounts & set(who.accounts))
    if own and said.decision is not Decision.REJECT:
        return msg("{principal} asked for this change as {account}, and nobody approves or"
                   " reviews their own", principal=said.principal, account=own[0])  # fmt: skip
    return None


def _untimely(policy: Policy, subject: Subject, cast: Cast, now: datetime) -> Message | None:
    said = cast.statement
    if min(said.claimed, cast.at) < subject.made:
        return msg("it was made at {claimed}, before the plan was",
                   claimed=said.claimed_at)  # fmt: skip
    if said.claimed > cast.at + TOLERANCE:
        return msg("it says it was made at {claimed}, which lies in the future",
                   claimed=said.claimed_at)  # fmt: skip
    ends = min(said.ends, said.claimed + policy.approval_validity(subject.kind))
    if now >= ends:
        return msg("it was good only until {ends}", ends=ends.isoformat(timespec="seconds"))
    return None


def _surplus(said: Statement, quorum: Sequence[Seat], heard: set[str]) -> Message | None:
    if said.principal in heard:
        return msg("{principal} has approved already, and a person has one vote",
                   principal=said.principal)  # fmt: skip
    groups = {seat.group for seat in quorum}
    if ANY not in groups and said.role not in groups:
        return msg("group {group} is not asked to approve this", group=said.role)
    return None


def _missing(quorum: Sequence[Seat], roles: Sequence[str]) -> list[Seat]:
    """Empty seats: first every role takes those of its own group, then the rest takes any."""
    left = Counter(roles)
    missing = []
    for seat in sorted(quorum, key=lambda seat: seat.group == ANY):
        taken = min(seat.count, left.total() if seat.group == ANY else left[seat.group])
        if seat.group == ANY:
            left = Counter(list(left.elements())[taken:])
        else:
            left[seat.group] -= taken
        if taken < seat.count:
            missing.append(Seat(group=seat.group, count=seat.count - taken))
    return missing
