"""The dossier of one change: its plan, who signed what, its runs, its review.

Schema ``opsbook.change/1``; every field is always there, ``null`` or empty where it does not
apply::

    schema        "opsbook.change/1"
    change        "CHG-20261121-001"
    state         one of :class:`ChangeState`
    kind          runbook | policy | envelope | waiver: what the plan would bring about
    plan          the whole plan;  plan_digest  "sha256:..."
    directory     where the estate was read
    requested_by  as in a record (user, sudo_user, control_host ...)
    planned       moment {"utc", "local"};  expires  RFC 3339, from the plan
    emergency     null, or {reason}
    statements    [{at, decision, principal, name, role, key, reason, claimed_at, expires,
                  statement, signature, counts, problem}] every signed word that was brought, in
                  ledger order; ``counts`` is false where it was not accepted, ``problem`` says why
    approved      null, or the moment the quorum was reached
    rejected, cancelled, expired   null, or {at, reason, by}
    refusals      [{at, run, problem, by}] what was tried and refused
    runs          [{run, phase, at, state, exit}] phase is apply or undo
    undone        [host] brought back by its undos, all or some; ``state`` is *undone* only when no
                  host carries its changes any more
    review        null, or {due, done}: what an emergency owes afterwards
    ledger        first, last (sequence numbers), head (hash of last, hex)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

SCHEMA = "opsbook.change/1"

STANDS = ("envelope", "waiver")
"""Kinds of changes that are never carried out but stand once they are approved."""


class ChangeState(StrEnum):
    """Where a change stands."""

    PLANNED = "planned"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    APPLYING = "applying"
    STOPPED = "stopped"
    APPLIED = "applied"
    FAILED = "failed"
    UNDONE = "undone"
    STANDING = "standing"
    REVOKED = "revoked"
    ENDED = "ended"
    """It stood, and its time is over; no event says so (:func:`opsbook.ledger.changes.as_of`)."""

    @property
    def open(self) -> bool:
        """Whether something can still happen under it."""
        return self in (
            ChangeState.PLANNED,
            ChangeState.APPROVED,
            ChangeState.APPLYING,
            ChangeState.STOPPED,
            ChangeState.STANDING,
        )


def until_of(plan: Mapping[str, Any]) -> str | None:
    """When what ``plan`` lets stand ends by itself (RFC 3339); None for other kinds of plans."""
    kind = plan.get("kind")
    part = plan.get(kind) if kind in STANDS else None
    until = part.get("until") if isinstance(part, Mapping) else None
    return str(until) if until else None
