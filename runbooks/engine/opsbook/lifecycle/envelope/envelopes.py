"""Envelopes of an estate: drafting one, finding those that stand.

Drafting makes a change of kind ``envelope``, a standing approval
(:mod:`opsbook.lifecycle.standing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opsbook.approval.envelope import only, read_range
from opsbook.approval.policy import Policy
from opsbook.calendars.days import Calendars
from opsbook.calendars.load import load_calendars
from opsbook.calendars.windows import window_for
from opsbook.execution.declared.declarations import load_estate, load_runbook
from opsbook.execution.declared.explain import own_words
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.provenance import code_roots, versions
from opsbook.ledger.dossier import drafted
from opsbook.ledger.port import Ledger, Story
from opsbook.lifecycle.change.planning import chosen_window
from opsbook.lifecycle.numbering import Planned, keep_plan
from opsbook.lifecycle.plan import common, to_approve
from opsbook.lifecycle.reasons import fit_reason
from opsbook.lifecycle.standing import end_of, open_desk
from opsbook.model.canonical import digest
from opsbook.model.change import ChangeState
from opsbook.model.clock import Clock, stamp
from opsbook.model.errors import InputFault, Refused
from opsbook.model.estate import Estate, Inventory
from opsbook.model.faults import Fault, WrongValue
from opsbook.model.message import msg
from opsbook.model.places import Places
from opsbook.model.runbook import Runbook, RunbookClass, Waves, duration


@dataclass(frozen=True, slots=True)
class EnvelopeRequest:
    """A wish for an envelope. ``allow`` are ranges as written (:func:`read_range`); a parameter
    that is not in it has only its default. ``until`` is a day or a moment of the estate.
    """

    runbook: str
    estate: str
    reason: str
    until: str
    limit: str | None = None
    allow: Mapping[str, str] = field(default_factory=dict)
    windows: Sequence[str] = ()
    waves: Mapping[str, int] = field(default_factory=dict)
    hosts_per_run: int | None = None
    items_per_host: int = 10


@dataclass(frozen=True, slots=True)
class _Scene:
    estate: Estate
    runbook: Runbook
    inventory: Inventory
    calendars: Calendars
    policy: Policy
    at: datetime


def draft_envelope(request: EnvelopeRequest, places: Places, clock: Clock) -> Planned:
    """Write the envelope into the ledger under a new number, to be approved. Reaches no host.

    Raises InputFault and UsageFault when the request is wrong, Refused when the runbook is not
    ``standard``, the clock went back, or the estate has no approver policy in force.
    """
    estate, runbook = load_estate(request.estate, places), load_runbook(request.runbook)
    _refuse_other_classes(runbook)
    desk = open_desk(estate, places, clock)
    inventory = load_inventory(estate, places, request.limit or runbook.targets)
    calendars = load_calendars(estate)
    scene = _Scene(estate, runbook, inventory, calendars, desk.policy, desk.at)
    return keep_plan(_content(request, scene), estate, desk.ledger, desk.who, desk.at)


def envelopes(ledger: Story, estate: str = "", runbook: str = "") -> Iterator[dict[str, Any]]:
    """The dossiers of all envelopes, newest last; only of that estate and runbook where given."""
    for dossier in drafted(ledger, "envelope", estate):
        if runbook in ("", dossier["plan"]["runbook"]["name"]):
            yield dossier


def standing(ledger: Ledger, estate: str, runbook: str) -> list[dict[str, Any]]:
    """The dossiers of envelopes that stand for ``runbook``, newest first."""
    found = envelopes(ledger, estate, runbook)
    return [dossier for dossier in found if dossier["state"] == ChangeState.STANDING][::-1]


def _refuse_other_classes(runbook: Runbook) -> None:
    if runbook.class_ is not RunbookClass.STANDARD:
        raise Refused(
            msg("{runbook} is of class {kind}; only standard runbooks run under an envelope.",
                runbook=runbook.name, kind=str(runbook.class_)),
            untouched=msg("Nothing was planned."),
        )  # fmt: skip


def _content(request: EnvelopeRequest, scene: _Scene) -> dict[str, Any]:
    code = code_roots(scene.runbook.name)
    most = scene.policy.approval_validity("envelope")
    told = scene.policy.declared.validity.envelope
    until = end_of(request.until, scene.estate, scene.at, most, told)
    waves = Waves.model_validate(scene.runbook.waves.model_dump() | dict(request.waves))
    base = common(
        scene.estate, scene.runbook, scene.inventory, {},
        limit=request.limit, code_digest=digest(code), versions=versions(),
    )  # fmt: skip
    reason = fit_reason(request.reason)
    signed = to_approve("envelope", scene.estate, reason, scene.at, until, scene.policy.digest)
    return {
        **signed,
        **base,
        "inputs": {"code": code, "variables": {"salt": "", "files": {}}},
        "calendar_digest": scene.calendars.digest,
        "waves": waves.model_dump(),
        "seconds": int(duration(scene.runbook.predicted_duration).total_seconds()),
        "envelope": {
            "hosts": base["hosts"],
            "ranges": _ranges(scene.runbook, request.allow),
            "windows": _windows(request, scene),
            "limits": {
                "hosts_per_run": request.hosts_per_run or len(base["hosts"]),
                "items_per_host": request.items_per_host,
            },
            "waves": waves.model_dump(),
            "until": stamp(until),
        },
    }


def _windows(request: EnvelopeRequest, scene: _Scene) -> list[dict[str, Any]]:
    asked: Sequence[str | None] = request.windows or [chosen_window(scene.estate, None)]
    return [window_for(scene.estate, scene.calendars, name, scene.at) for name in asked]


def _ranges(runbook: Runbook, allow: Mapping[str, str]) -> dict[str, Any]:
    known = {parameter.name: parameter for parameter in runbook.parameters}
    faults = [Fault("--allow", 0, name, msg("unknown")) for name in allow if name not in known]
    ranges: dict[str, Any] = {}
    for name, parameter in known.items():
        try:
            if name in allow:
                ranges[name] = read_range(parameter, allow[name])
            elif parameter.required:
                raise WrongValue(msg("{name} is required", name=name))
            else:
                ranges[name] = only(parameter.default)
        except ValueError as error:
            faults.append(Fault("--allow", 0, name, own_words(error)))
    if faults:
        raise InputFault(
            msg("The ranges for {runbook} are not right.", runbook=runbook.name),
            faults,
            untouched=msg("Nothing was planned."),
            next_step=msg("opsbook show {runbook} lists the parameters.", runbook=runbook.name),
        )
    return ranges
