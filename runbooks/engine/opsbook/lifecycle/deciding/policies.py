"""Changing the approver policy: a change of its own, proposed, signed and put in force."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.approval.inforce import ADOPTED, governing, last_adopted
from opsbook.approval.policy import Policy, differences
from opsbook.approval.policyfiles import read_policy
from opsbook.approval.signatures import Signatures
from opsbook.approval.verdicts import standing_approval
from opsbook.documents.changes.labels import STATES
from opsbook.execution.declared.declarations import load_estate
from opsbook.execution.requester import requester
from opsbook.ledger import resources
from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger
from opsbook.ledger.witness import testify
from opsbook.lifecycle.conduct.carrying import held
from opsbook.lifecycle.moments import refuse_clock_gone_back
from opsbook.lifecycle.numbering import keep_plan
from opsbook.lifecycle.plan import to_approve
from opsbook.lifecycle.reasons import fit_reason
from opsbook.lifecycle.request import Origin
from opsbook.lifecycle.timing import expired
from opsbook.model.change import ChangeState
from opsbook.model.clock import Clock, unstamp
from opsbook.model.errors import Refused
from opsbook.model.estate import Estate
from opsbook.model.event import NewEvent
from opsbook.model.message import Message, msg
from opsbook.model.places import Places


@dataclass(frozen=True, slots=True)
class Proposed:
    """A change of policy that was planned; ``first`` when none was in force."""

    change: str
    first: bool
    differences: Sequence[Message]
    problems: Sequence[Message]


def propose_policy(
    name: str, reason: str, places: Places, clock: Clock, *, origin: Origin = "terminal"
) -> Proposed:
    """Plan a change of policy to what the files of estate ``name`` say.

    Raises InputFault when they are faulty, Refused when they say what is in force already.
    """
    estate = load_estate(name, places)
    policy = read_policy(estate)
    ledger = open_ledger(places, clock)
    at = clock.now()
    refuse_clock_gone_back(ledger, at)
    before = last_adopted(ledger, estate.name)
    if before and before.policy.digest == policy.digest:
        raise Refused(
            msg("The files of {estate} say what is in force since {change}.",
                estate=estate.name, change=before.change),
            untouched=msg("Nothing was planned."),
        )  # fmt: skip
    former = before.policy if before else None
    content = policy_plan(estate, policy, former, fit_reason(reason), at)
    who = requester(origin, None, os.environ)
    planned = keep_plan(content, estate, ledger, who, at)
    told = differences(before.policy, policy) if before else []
    return Proposed(planned.change, before is None, told, planned.problems)


def policy_plan(
    estate: Estate, policy: Policy, before: Policy | None, reason: str, at: datetime
) -> dict[str, Any]:
    """The plan of a change of policy without its number: ``policy`` is what is to be in force,
    ``former`` what is, ``differences`` the messages between them.
    """
    decides = before or policy
    told = differences(before, policy) if before else []
    expires = at + decides.plan_validity
    return to_approve("policy", estate, reason, at, expires, decides.digest) | {
        "policy": policy.to_json(),
        "former": before.to_json() if before else None,
        "differences": [message.to_json() for message in told],
    }


def adopt_policy(
    dossier: Mapping[str, Any],
    ledger: Ledger,
    places: Places,
    clock: Clock,
    signatures: Signatures,
) -> Sequence[Message]:
    """Put an approved policy in force; gives what went wrong with witnesses.

    The change's lease is held by the caller. Raises Refused when it is not approved, has expired,
    or the files or the policy in force are no longer those it was planned from.
    """
    estate = load_estate(dossier["directory"], places)
    at = clock.now()
    refuse_clock_gone_back(ledger, at)
    with held(ledger, resources.of_policy(estate.name), dossier["change"]):
        _refuse_adoption(dossier, at)
        decides = governing(ledger, dossier, estate, signatures)
        standing_approval(dossier, decides, at, signatures)
        ledger.append(_adoption(dossier, estate.name))
    return testify(ledger.checkpoint(), estate.witnesses)


def _refuse_adoption(dossier: Mapping[str, Any], at: datetime) -> None:
    change = dossier["change"]
    if dossier["state"] != ChangeState.APPROVED:
        problem = msg("{change} cannot be applied: its state is {state}.",
                      change=change, state=STATES[dossier["state"]])  # fmt: skip
    elif at >= unstamp(dossier["plan"]["expires"]):
        problem = expired(dossier)
    else:
        return
    unsigned = dossier["state"] == ChangeState.PLANNED
    raise Refused(
        problem,
        untouched=msg("The policy in force was left as it is."),
        next_step=msg("opsbook plan explain {change} shows who has to sign.", change=change)
        if unsigned
        else msg("opsbook policy show -e {estate} shows the one in force.",
                 estate=dossier["plan"]["estate"]["name"]),
    )  # fmt: skip


def _adoption(dossier: Mapping[str, Any], estate: str) -> list[NewEvent]:
    change = dossier["change"]
    payload = {**dossier["plan"]["policy"], "change": change}
    ended = {"run": "", "state": "closed", "exit": 0, "becomes": str(ChangeState.APPLIED)}
    return [
        NewEvent(ADOPTED, estate, change, payload=payload, once=True),
        NewEvent("change.ended", estate, change, payload=ended, once=True),
    ]
