"""Drafting a waiver: what was asked for becomes the plan of a change of kind ``waiver``.

It is approved, exported and recorded as every change, and stands until it ends or is revoked
(:mod:`opsbook.lifecycle.standing`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opsbook.approval.judge import quorum_for
from opsbook.approval.policy import Policy
from opsbook.approval.sanity import can_meet, told
from opsbook.approval.verdicts import subject_of
from opsbook.approval.waiver import CATEGORIES, EVERYTHING, KIND, MOST_DAYS
from opsbook.domains.hardening.store.catalogue import OurControls
from opsbook.domains.hardening.store.keys import LONGEST
from opsbook.domains.hardening.store.model import CONTROL, CVE, State
from opsbook.domains.hardening.store.port import Findings, Wanted
from opsbook.domains.hardening.store.store import open_findings
from opsbook.execution.declared.declarations import load_estate
from opsbook.execution.declared.inventory import load_inventory
from opsbook.lifecycle.numbering import Planned, keep_plan
from opsbook.lifecycle.plan import to_approve
from opsbook.lifecycle.reasons import fit_reason
from opsbook.lifecycle.standing import end_of, open_desk
from opsbook.model.clock import Clock, stamp
from opsbook.model.errors import Refused, UsageFault
from opsbook.model.estate import Inventory
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.runbook import duration

MOST_SHOWN = 50
"""So many of the findings that it accepts stand in its plan one by one."""
_MOST_WORDS = 500
_CVE = re.compile(r"(?:cve:)?(CVE-\d{4}-\d{4,})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WaiverRequest:
    """A wish for a waiver, as typed. ``everything`` has to be said for the key ``*``."""

    estate: str
    key: str
    category: str
    reason: str
    owner: str
    until: str
    limit: str | None = None
    location: str | None = None
    compensating: str = ""
    note: str = ""
    everything: bool = False


def draft_waiver(request: WaiverRequest, places: Places, clock: Clock) -> Planned:
    """Write the waiver into the ledger under a new number, to be approved. Reaches no host.

    Raises UsageFault when the request is wrong, Refused when the clock went back, the estate has
    no approver policy in force, or its quorum could never sign this waiver.
    """
    controls = OurControls(places)
    request = _checked(request, controls)
    estate = load_estate(request.estate, places)
    desk = open_desk(estate, places, clock)
    policy, at = desk.policy, desk.at
    until = end_of(request.until, estate, at, *_most(policy))
    whole = load_inventory(estate, places, None)
    chosen = load_inventory(estate, places, request.limit) if request.limit else None
    said = _said(request, chosen, until)
    kept = open_findings(places, estate.name, whole, controls)
    hosts = [host.name for host in (chosen or whole).hosts]
    said["covers"] = _covers(kept, estate.name, said, hosts)
    content = to_approve(KIND, estate, request.reason, at, until, policy.digest)
    content |= {"waiver": said, "limit": request.limit or "", "hosts": hosts}
    _refuse_unmeetable(content, policy)
    return keep_plan(content, estate, desk.ledger, desk.who, at)


def whole_key(text: str, controls: OurControls) -> str:
    """The whole key that is meant: of a control, a CVE id, or a scanner's own as lists show it.

    Raises UsageFault for what cannot be the key of any finding.
    """
    cve = _CVE.fullmatch(text)
    if cve is not None:
        return CVE + cve[1].upper()
    name = text.removeprefix(CONTROL)
    if controls.title_of(name) is not None:
        return CONTROL + name
    scanners = ":" in text and not text.startswith((CONTROL, CVE))
    if text == EVERYTHING or (scanners and text.isprintable() and len(text) <= LONGEST):
        return text
    raise UsageFault(
        msg("{key} is no control, no CVE id and no key of a finding.", key=text),
        untouched=msg("Nothing was planned."),
        next_step=msg("opsbook findings list shows keys of findings, opsbook controls list those of"
                      " controls."),
    )  # fmt: skip


def _checked(request: WaiverRequest, controls: OurControls) -> WaiverRequest:
    if request.category not in CATEGORIES:
        raise _wrong(
            msg("There is no category {category}; categories are: {known}.",
                category=request.category, known=", ".join(CATEGORIES))
        )  # fmt: skip
    key = whole_key(request.key, controls)
    if (key == EVERYTHING) is not request.everything:
        raise _wrong(msg("A waiver of every finding is asked for with --key '*' and --everything."))
    location = request.location
    return WaiverRequest(
        estate=request.estate,
        key=key,
        category=request.category,
        reason=_words(request.reason, "--reason", needed=True),
        owner=_words(request.owner, "--owner", needed=True),
        until=request.until,
        limit=request.limit,
        location=None if location is None else _words(location, "--location"),
        compensating=_words(request.compensating, "--compensating"),
        note=_words(request.note, "--note"),
        everything=request.everything,
    )


def _words(text: str, option: str, *, needed: bool = False) -> str:
    text = fit_reason(text)
    if needed and not text:
        raise _wrong(msg("{option} must not be empty.", option=option))
    if len(text) > _MOST_WORDS and option != "--reason":
        raise _wrong(
            msg("{option} is longer than {limit} characters.", option=option, limit=_MOST_WORDS)
        )
    return text


def _wrong(problem: Message) -> UsageFault:
    return UsageFault(
        problem,
        untouched=msg("Nothing was planned."),
        next_step=msg("opsbook waivers draft --help tells what it takes."),
    )


def _most(policy: Policy) -> tuple[timedelta, str]:
    """The longest that a waiver may stand, by the policy and by our own limit."""
    ours = f"{MOST_DAYS * 24}h"
    declared = policy.declared.validity.waiver
    most = min(policy.approval_validity(KIND), duration(ours))
    return most, declared if duration(declared) <= duration(ours) else ours


def _said(request: WaiverRequest, chosen: Inventory | None, until: datetime) -> dict[str, Any]:
    return {
        "key": request.key,
        "hosts": None
        if chosen is None
        else [{"name": host.name, "address": host.address} for host in chosen.hosts],
        "location": request.location,
        "category": request.category,
        "owner": request.owner,
        "compensating": request.compensating,
        "note": request.note,
        "until": stamp(until),
    }


def _covers(
    findings: Findings, estate: str, said: Mapping[str, Any], hosts: list[str]
) -> dict[str, Any]:
    """What is open now of what it speaks of: counted, and the first of it one by one."""
    severities: dict[str, int] = {}
    places: set[str] = set()
    first: list[dict[str, str]] = []
    keys = () if said["key"] == EVERYTHING else (said["key"],)
    wanted = Wanted(hosts=hosts, states=(State.OPEN,), keys=keys, known=True)
    for one in findings.of_estate(estate, wanted):
        if said["location"] in (None, one.location):
            severities[str(one.severity)] = severities.get(str(one.severity), 0) + 1
            places.add(one.host)
            if len(first) < MOST_SHOWN:
                first.append({"host": one.host, "key": one.key, "location": one.location,
                              "severity": str(one.severity), "title": one.title[:200]})  # fmt: skip
    total = sum(severities.values())
    return {"total": total, "hosts": len(places), "severities": severities, "first": first}


def _refuse_unmeetable(content: Mapping[str, Any], policy: Policy) -> None:
    """Raises Refused when the persons of the policy can never sign it together."""
    subject = subject_of({"plan": content, "change": "", "plan_digest": ""})
    quorum = quorum_for(policy, subject)
    if not can_meet(quorum, policy.declared.approvers):
        raise Refused(
            msg("This waiver can never be approved: it asks for {quorum}, and the approver policy"
                " has not so many.", quorum=told(quorum)),
            untouched=msg("Nothing was planned."),
            next_step=msg("opsbook policy show -e {estate} lists the approvers.",
                          estate=content["estate"]["name"]),
        )  # fmt: skip
