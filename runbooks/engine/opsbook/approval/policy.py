"""The approver policy of an estate: ``approvers.yml`` together with ``allowed_signers``.

``approvers.yml`` says who the approvers are and how many of which group have to agree to what;
``allowed_signers`` says which keys are theirs. The digest covers every byte of both.
A minimal file::

    schema: 1
    approvers:
      - {principal: client@example.org, name: 甲方负责人, groups: [client], accounts: []}
      - {principal: lead@example.org, name: 运维负责人, groups: [operator], accounts: [lead]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

from opsbook.approval import allowed_signers
from opsbook.approval.allowed_signers import Signers, read_signers
from opsbook.approval.statement import PRINCIPAL
from opsbook.model.base import Declared
from opsbook.model.canonical import digest
from opsbook.model.faults import WrongValue
from opsbook.model.message import Message, msg
from opsbook.model.names import RUNBOOK
from opsbook.model.runbook import Duration, duration

ANY = "any"
"""In a quorum: whichever group."""

T = TypeVar("T", str, tuple[Any, ...])


def _some(value: T) -> T:
    if not value:
        raise WrongValue(msg("must not be empty"))
    return value


Some = AfterValidator(_some)
Group = Annotated[str, StringConstraints(pattern=RUNBOOK)]
Class = Literal["standard", "normal"]
Risk = Literal["low", "medium", "high"]


class Approver(Declared):
    """A person. ``accounts`` are the accounts under which that person works on control hosts:
    what they asked for they cannot approve; an empty list says there are none.
    """

    principal: Annotated[str, StringConstraints(pattern=PRINCIPAL, max_length=128)]
    name: Annotated[str, Some]
    groups: Annotated[tuple[Group, ...], Some] = Field(default=("approver",), strict=False)
    accounts: tuple[Annotated[str, Some], ...] = Field(strict=False)


class Seat(Declared):
    """How many persons of a group have to agree."""

    group: Group = ANY
    count: int = Field(default=1, ge=1, le=9)


Quorum = Annotated[tuple[Seat, ...], Field(strict=False), Some]


class Rule(Declared):
    """The quorum for plans of these classes and risks; left out means all of them."""

    classes: Annotated[tuple[Class, ...], Some] = Field(
        default=("standard", "normal"), strict=False
    )
    risks: Annotated[tuple[Risk, ...], Some] = Field(
        default=("low", "medium", "high"), strict=False
    )
    quorum: Quorum


class Emergency(Declared):
    """One approver of this group is enough for an emergency."""

    group: Group = ANY


class Validity(Declared):
    """How long things are good: a plan, an approval, the approval of what stands."""

    plan: Duration = "72h"
    approval: Duration = "168h"
    envelope: Duration = "8784h"
    waiver: Duration = "8784h"


_ONE, _TWO = (Seat(count=1),), (Seat(count=2),)


class Approvers(Declared):
    """``approvers.yml``. Of ``rules`` the first that fits counts. With ``known_requesters`` only
    who has an account here may ask for changes: of others it cannot be told whether they approve
    their own.
    """

    schema_version: Literal[1] = Field(alias="schema")
    approvers: Annotated[tuple[Approver, ...], Some] = Field(strict=False)
    rules: Annotated[tuple[Rule, ...], Some] = Field(
        default=(Rule(risks=("high",), quorum=_TWO), Rule(quorum=_ONE)), strict=False
    )
    emergency: Emergency = Emergency()
    policy: Quorum = _TWO
    envelope: Quorum = _TWO
    waiver: Quorum = _TWO
    validity: Validity = Validity()
    known_requesters: bool = False

    def quorum_for(self, class_: str, risk: str) -> tuple[Seat, ...] | None:
        """Who has to agree to a plan; None when no rule says."""
        for rule in self.rules:
            if class_ in rule.classes and risk in rule.risks:
                return rule.quorum
        return None


@dataclass(frozen=True)
class Policy:
    """``content`` is ``approvers.yml`` as data and ``source`` the digest of that file's bytes,
    ``allowed_signers`` the other file's text.

    Reading ``declared`` raises pydantic's ValidationError where ``content`` is not as it must be.
    """

    content: Mapping[str, Any]
    allowed_signers: str
    source: str

    @cached_property
    def digest(self) -> str:
        """``sha256:...`` over all of it."""
        parts = {"content": self.content, "source": self.source}
        return digest({**parts, "allowed_signers": self.allowed_signers})

    @cached_property
    def declared(self) -> Approvers:
        """``content``, read."""
        return Approvers.model_validate(self.content)

    @cached_property
    def signers(self) -> Signers:
        """``allowed_signers``, read."""
        return read_signers(self.allowed_signers)

    @property
    def plan_validity(self) -> timedelta:
        """How long a plan is good when nothing else is asked."""
        return duration(self.declared.validity.plan)

    def approval_validity(self, kind: str) -> timedelta:
        """How long an approval of a plan of that kind is good at most."""
        validity = self.declared.validity
        standing = {"envelope": validity.envelope, "waiver": validity.waiver}
        return duration(standing.get(kind, validity.approval))

    def approver(self, principal: str) -> Approver | None:
        """The person of that principal."""
        found = [who for who in self.declared.approvers if who.principal == principal]
        return found[0] if found else None

    def to_json(self) -> dict[str, Any]:
        """As kept in plans and events."""
        return {
            "content": dict(self.content),
            "source": self.source,
            "allowed_signers": self.allowed_signers,
            "digest": self.digest,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Policy:
        """Read back what :meth:`to_json` wrote; the digest is computed anew."""
        return cls(dict(data["content"]), str(data["allowed_signers"]), str(data["source"]))


def differences(was: Policy, now: Policy) -> list[Message]:
    """What is different, in sentences; empty when nothing is."""
    keys = list(allowed_signers.differences(was.signers, now.signers))
    if not keys and was.allowed_signers != now.allowed_signers:
        keys = [msg("allowed_signers was written differently, with the same keys")]
    people = list(_people(was.content.get("approvers"), now.content.get("approvers")))
    parts = sorted((was.content.keys() | now.content.keys()) - {"approvers"})
    rest = [
        msg("{part} changed", part=part)
        for part in parts
        if was.content.get(part) != now.content.get(part)
    ]
    if not (people or rest) and was.source != now.source:
        rest = [msg("approvers.yml was written differently, with the same meaning")]
    return [*keys, *people, *rest]


def _people(was: Any, now: Any) -> Iterator[Message]:
    before, after = _by_principal(was), _by_principal(now)
    for principal in sorted(before.keys() | after.keys()):
        one, other = before.get(principal), after.get(principal)
        if one is None:
            yield msg("approver {principal} added", principal=principal)
        elif other is None:
            yield msg("approver {principal} removed", principal=principal)
        elif one != other:
            parts = sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))
            yield msg("approver {principal}: {parts} changed",
                      principal=principal, parts=", ".join(parts))  # fmt: skip
    if not before.keys() ^ after.keys() and was != now and list(before) != list(after):
        yield msg("approvers stand in another order")


def _by_principal(approvers: Any) -> dict[str, Mapping[str, Any]]:
    listed: Sequence[Any] = approvers if isinstance(approvers, (list, tuple)) else ()
    return {str(who.get("principal")): who for who in listed if isinstance(who, Mapping)}
