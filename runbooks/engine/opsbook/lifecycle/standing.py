"""Standing approvals: changes that are never carried out but stand, until they end or are revoked.

An envelope lets a runbook run, a waiver accepts findings. Each is the plan of a change of its kind
(:data:`opsbook.model.change.STANDS`), approved as every change, and revoked here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opsbook.approval.inforce import policy_in_force
from opsbook.approval.policy import Policy
from opsbook.approval.verdicts import refuse_unknown_requester
from opsbook.calendars.wallclock import instant
from opsbook.documents.changes.labels import STATES
from opsbook.execution.declared.declarations import load_estate
from opsbook.execution.requester import requester
from opsbook.ledger import resources
from opsbook.ledger.changes import as_of
from opsbook.ledger.dossier import read_dossier
from opsbook.ledger.port import Ledger, Story
from opsbook.ledger.store import open_ledger
from opsbook.ledger.witness import testify
from opsbook.lifecycle.conduct.carrying import held
from opsbook.lifecycle.moments import refuse_clock_gone_back
from opsbook.lifecycle.reasons import fit_reason
from opsbook.lifecycle.required import refuse_without_witness
from opsbook.model.calendar import local_end
from opsbook.model.change import ChangeState
from opsbook.model.clock import Clock
from opsbook.model.errors import Refused, UsageFault
from opsbook.model.estate import Estate
from opsbook.model.event import NewEvent
from opsbook.model.message import Message, msg
from opsbook.model.places import Places

Dossier = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a standing approval is drafted with: under which policy, when (``at``), for whom."""

    ledger: Ledger
    at: datetime
    policy: Policy
    who: Mapping[str, Any]


def open_desk(estate: Estate, places: Places, clock: Clock) -> Desk:
    """Raises Refused when the estate lost its witness, has no approver policy in force or does not
    know who asks, or when the clock went back.
    """
    refuse_without_witness(estate)
    ledger, at = open_ledger(places, clock), clock.now()
    refuse_clock_gone_back(ledger, at)
    policy = policy_in_force(ledger, estate)
    who = requester("terminal", None, os.environ)
    refuse_unknown_requester(who, policy)
    return Desk(ledger, at, policy, who)


def revoke(number: str, kind: str, reason: str, places: Places, clock: Clock) -> Sequence[Message]:
    """End what stands before its time. Gives the problems of witnesses.

    Raises UsageFault when ``number`` is none of that kind, Refused when it does not stand.
    """
    ledger = open_ledger(places, clock)
    dossier = _of_kind(ledger, number, kind)
    estate = load_estate(dossier["directory"], places)
    with held(ledger, resources.of_change(estate.name, number), number):
        refuse_clock_gone_back(ledger, clock.now())
        state = read_dossier(ledger, number)["state"]
        if state != ChangeState.STANDING:
            raise Refused(
                msg("{change} does not stand: its state is {state}.",
                    change=number, state=STATES[state]),
                untouched=msg("Nothing was recorded."),
            )  # fmt: skip
        payload = {"reason": fit_reason(reason), "by": requester("terminal", None, os.environ)}
        ledger.append([NewEvent("change.revoked", estate.name, number, payload=payload)])
        return testify(ledger.checkpoint(), estate.witnesses)


def read(number: str, kind: str, ledger: Story, at: datetime) -> Dossier:
    """The dossier of ``number`` as it stands at ``at``. Raises UsageFault: none of that kind."""
    return as_of(_of_kind(ledger, number, kind), at)


def end_of(text: str, estate: Estate, at: datetime, most: timedelta, told: str) -> datetime:
    """The moment that ``--until`` means: a day's end or a moment of the estate.

    Raises UsageFault when it is neither, is over, or lies further ahead than ``most``, which is
    ``told``.
    """
    try:
        until = instant(local_end(text), estate.zone)
    except ValueError as error:
        problem = msg("--until {until} is neither a day (2026-12-31) nor a moment.", until=text)
        raise UsageFault(problem, untouched=msg("Nothing was planned.")) from error
    if until <= at:
        problem = msg("--until {until} is over already.", until=text)
        raise UsageFault(problem, untouched=msg("Nothing was planned."))
    if until > at + most:
        raise UsageFault(
            msg("--until {until} is later than the approver policy allows: {most} from now.",
                until=text, most=told),
            untouched=msg("Nothing was planned."),
        )  # fmt: skip
    return until


def _of_kind(ledger: Story, number: str, kind: str) -> Dossier:
    dossier = read_dossier(ledger, number)
    if dossier["kind"] == kind:
        return dossier
    if kind == "envelope":
        raise UsageFault(
            msg("{change} is no envelope.", change=number),
            next_step=msg("opsbook envelope list shows the envelopes."),
        )
    raise UsageFault(
        msg("{change} is no waiver.", change=number),
        next_step=msg("opsbook waivers list shows the waivers."),
    )
