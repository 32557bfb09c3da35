"""Whether a change may be carried out now: everything that was approved still is as approved.

The checks, each with the one sentence that says what is wrong: the state of the change, the plan
against its digest, its expiry, the clock, the signatures and the policy, and every input that the
plan binds (code, variables, versions, hosts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.approval.inforce import policy_in_force
from opsbook.approval.signatures import Signatures
from opsbook.approval.verdicts import refuse_unknown_requester, standing_approval
from opsbook.execution.provenance import code_roots, inputs, inputs_changed, versions
from opsbook.ledger.port import Ledger
from opsbook.lifecycle.moments import refuse_clock_gone_back
from opsbook.lifecycle.required import refuse_without_witness
from opsbook.lifecycle.timing import expired
from opsbook.model.change import ChangeState
from opsbook.model.clock import unstamp
from opsbook.model.errors import Refused
from opsbook.model.estate import Estate, Inventory
from opsbook.model.message import Message, msg
from opsbook.model.runbook import Runbook

Dossier = Mapping[str, Any]
"""A change as :mod:`opsbook.model.change` describes it."""

_NOT_TO_BE_APPLIED = {
    ChangeState.PLANNED: msg("it is not approved yet"),
    ChangeState.REJECTED: msg("it was rejected"),
    ChangeState.CANCELLED: msg("it was cancelled"),
    ChangeState.EXPIRED: msg("its plan has expired"),
    ChangeState.APPLYING: msg("its plan was used already"),
    ChangeState.STOPPED: msg("its plan was used already"),
    ChangeState.APPLIED: msg("its plan was used already"),
    ChangeState.FAILED: msg("its plan was used already"),
    ChangeState.UNDONE: msg("its plan was used already"),
    ChangeState.STANDING: msg("it stands by itself, there is nothing to carry out"),
    ChangeState.REVOKED: msg("it was revoked"),
    ChangeState.ENDED: msg("its time is over"),
}


@dataclass(frozen=True, slots=True)
class Bound:
    """What a plan binds and what is compared with it before anything is touched."""

    estate: Estate
    runbook: Runbook
    inventory: Inventory


def refuse_by_state(dossier: Dossier, allowed: Sequence[ChangeState]) -> None:
    """Raises Refused unless the change stands in one of ``allowed``."""
    state = ChangeState(dossier["state"])
    if state not in allowed:
        raise Refused(
            msg("{change} cannot be applied: {reason}.",
                change=dossier["change"], reason=_NOT_TO_BE_APPLIED.get(state, msg("not now"))),
            untouched=msg("No host was touched."),
            next_step=_next_step(dossier["change"], state),
        )  # fmt: skip


def _next_step(change: str, state: ChangeState) -> Message:
    if state is ChangeState.PLANNED:
        return msg("opsbook plan explain {change} shows who has to sign.", change=change)
    if state in (ChangeState.APPLYING, ChangeState.STOPPED):
        return msg("opsbook resume {change} goes on with its run.", change=change)
    return msg("Make a new plan: opsbook plan RUNBOOK -e ESTATE")


def refuse_expired(dossier: Dossier, at: datetime) -> None:
    """Raises Refused when the plan's time is over."""
    if at >= unstamp(dossier["expires"]):
        raise Refused(
            expired(dossier),
            untouched=msg("No host was touched."),
            next_step=msg("Make a new plan: opsbook plan RUNBOOK -e ESTATE"),
        )


def refuse_changed_inputs(dossier: Dossier, bound: Bound) -> None:
    """Raises Refused naming everything that is no longer as it was approved."""
    found = changed_inputs(dossier["plan"], bound)
    if found:
        raise Refused(
            msg("{change} is not what was approved: {what}",
                change=dossier["change"], what=found[0]),
            untouched=msg("No host was touched."),
            next_step=msg("Bring it back to what was approved, or make a new plan."),
        )  # fmt: skip


def refuse_other_undo(dossier: Dossier, bound: Bound) -> None:
    """Raises Refused when the code is not the approved one, which undo runs as well.

    After an upgrade of opsbook or Ansible all but the runbook itself may differ: a change must
    not become impossible to undo by that.
    """
    plan = dossier["plan"]
    now = {**plan["inputs"], "code": code_roots(bound.runbook.name)}
    found = inputs_changed(plan["inputs"], now)
    own = msg("The code of {root} has changed.", root=f"runbook {bound.runbook.name}")
    refused = found
    if own in found:
        refused = [own]
    elif _upgraded(plan):
        refused = []
    if refused:
        raise Refused(
            msg("{change} cannot be undone by code other than the approved one: {what}",
                change=dossier["change"], what=refused[0]),
            untouched=msg("No host was touched."),
            next_step=msg("Bring it back to what was approved, or make a new plan."),
        )  # fmt: skip


def _upgraded(plan: Mapping[str, Any]) -> bool:
    now = versions()
    return any(plan["versions"].get(name) != now[name] for name in ("opsbook", "ansible-core"))


def changed_inputs(plan: Mapping[str, Any], bound: Bound) -> list[Message]:
    """What the plan binds and is different now: code, variables, versions, hosts."""
    now = inputs(bound.runbook.name, bound.estate, plan["inputs"]["variables"]["salt"])
    found = list(inputs_changed(plan["inputs"], now))
    found += _changed_versions(plan["versions"], versions())
    if [host.name for host in bound.inventory.hosts] != list(plan["hosts"]):
        found.append(msg("the list of hosts changed"))
    elif bound.inventory.digest != plan["inventory_digest"]:
        found.append(msg("the inventory changed"))
    return found


def _changed_versions(was: Mapping[str, str], now: Mapping[str, str]) -> list[Message]:
    return [
        msg("the version of {name} was {before} and is {now}",
            name=name, before=was.get(name, "-"), now=now.get(name, "-"))
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]  # fmt: skip


def admit(
    dossier: Dossier,
    bound: Bound,
    ledger: Ledger,
    signatures: Signatures,
    at: datetime,
    allowed: Sequence[ChangeState],
) -> None:
    """Raises Refused at the first thing that forbids carrying out the change now, IntegrityFault
    when the ledger's tail is not sound: a rejection may be missing there.
    """
    ledger.check_tail()
    refuse_without_witness(bound.estate)
    refuse_clock_gone_back(ledger, at)
    refuse_by_state(dossier, allowed)
    refuse_expired(dossier, at)
    policy = policy_in_force(ledger, bound.estate)
    refuse_unknown_requester(dossier["plan"].get("requested_by") or {}, policy)
    standing_approval(dossier, policy, at, signatures)
    refuse_changed_inputs(dossier, bound)
