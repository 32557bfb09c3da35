"""What a proof is made of: what was done on a host, and what became of each finding there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from opsbook.domains.hardening.store.comparison import Why
from opsbook.domains.hardening.store.model import Acceptance, Finding, Look, Sighting
from opsbook.domains.hardening.store.store import Looked
from opsbook.model.finding import Severity
from opsbook.model.message import Message

OWN = "opsbook"
"""Name space of the rows of our own scan."""
BY_HAND = "by_hand"
"""Who set right what a plan left to people."""


class Outcome(StrEnum):
    """What became of a finding. Everything that was found has exactly one of the first six.

    - ``fixed``: every scanner that found it looked again, with the same content, profile and
      identity of the host and no fewer rights, and it passes; and something was done about it.
    - ``not_in_effect``: files are as wanted, what runs is not.
    - ``waived``: it stands, and is accepted for a while.
    - ``not_reproducible``: it passes now although nothing was done about it.
    - ``not_comparable``: the looks prove nothing about each other.
    - ``new``: it was not found before.
    """

    FIXED = "fixed"
    REMAINING = "remaining"
    NOT_IN_EFFECT = "not_in_effect"
    WAIVED = "waived"
    NOT_REPRODUCIBLE = "not_reproducible"
    NOT_COMPARABLE = "not_comparable"
    NEW = "new"


FOUND = tuple(one for one in Outcome if one is not Outcome.NEW)
"""What was found is the sum of these."""
STANDING = (Outcome.REMAINING, Outcome.NOT_IN_EFFECT)
"""What is proven to be still there."""


class Left(StrEnum):
    """Why a finding remains.

    - ``residual``: a change was to set it right, or could have, and it stands.
    - ``partly``: done; the scanner's rule sums several controls, of which others are open.
    - ``manual``: the plan left it to people, with what is to be done.
    - ``chosen_otherwise``: the site chose another way, or left it out.
    - ``not_applicable``: the plan found that it cannot apply on this host.
    """

    RESIDUAL = "residual"
    PARTLY = "partly"
    MANUAL = "manual"
    CHOSEN_OTHERWISE = "chosen_otherwise"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Remains:
    """Why a finding remains, in words, and the keys of which its rule is ``waiting``."""

    left: Left
    reason: Message
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanAside:
    """What a plan said of a finding that it does not work on: in one word, and why."""

    kind: str
    reason: Message


@dataclass(frozen=True, slots=True)
class Done:
    """What was done on one host, as the ledger has it.

    ``begun`` and ``ended`` bound the work: looks until the first are before it, looks from the
    second on are after it. ``by`` maps the key of a finding to the change that worked on it.
    ``by_hand`` are keys that a plan left to people, ``asides`` what it said of all that it did not
    work on, ``verdicts`` what the change saw of each control when it had ended, ``items`` the
    steps by control, ``reboots`` controls in full effect only after the next boot.
    ``outcome`` is the host's in the run ``run`` that ended last.
    """

    begun: datetime
    ended: datetime
    by: Mapping[str, str] = field(default_factory=dict)
    by_hand: frozenset[str] = frozenset()
    verdicts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    items: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    asides: Mapping[str, PlanAside] = field(default_factory=dict)
    reboots: frozenset[str] = frozenset()
    outcome: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Proven:
    """One finding and what became of it.

    ``severity`` is the gravest that was told before (of a new one: after). ``before`` are the
    failing sightings that opened it, ``after`` what scanners said afterwards, ``retested`` the look
    that decided. ``by`` is the change that worked on it, or :data:`BY_HAND`. ``own`` is what our
    own scan said last, after the work; ``remains`` is told of what remains.
    """

    finding: Finding
    outcome: Outcome
    severity: Severity
    reason: Why = Why.NONE
    by: str = ""
    before: tuple[Sighting, ...] = ()
    after: tuple[Sighting, ...] = ()
    retested: Look | None = None
    own: Sighting | None = None
    waiver: Acceptance | None = None
    remains: Remains | None = None


@dataclass(frozen=True, slots=True)
class HostProof:
    """One host: its findings, found and new, and the looks before and after."""

    host: str
    done: Done
    proven: tuple[Proven, ...]
    before: tuple[Looked, ...]
    after: tuple[Looked, ...]
