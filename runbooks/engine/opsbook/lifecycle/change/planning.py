"""Making the plan of a change: everything that will happen, host by host, before anything does."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from opsbook.approval.inforce import policy_in_force
from opsbook.approval.policy import Policy
from opsbook.approval.verdicts import refuse_unknown_requester
from opsbook.calendars.load import load_calendars
from opsbook.calendars.windows import window_for
from opsbook.execution.declared.declarations import load_estate, load_runbook
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.provenance import inputs, versions
from opsbook.execution.requester import requester
from opsbook.execution.work import ChangeWork, Job
from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger
from opsbook.lifecycle.conduct.waves import split_changing
from opsbook.lifecycle.moments import refuse_clock_gone_back
from opsbook.lifecycle.numbering import Planned, keep_plan
from opsbook.lifecycle.parameters import Setting, resolve
from opsbook.lifecycle.plan import common, to_approve
from opsbook.lifecycle.reasons import fit_reason
from opsbook.lifecycle.request import Origin
from opsbook.lifecycle.required import refuse_without_witness
from opsbook.lifecycle.timing import closes, freezes_within, openings_within
from opsbook.lifecycle.works import change_work_for
from opsbook.model.canonical import digest
from opsbook.model.clock import Clock
from opsbook.model.errors import OpsbookError, Refused, UsageFault
from opsbook.model.estate import Estate, Inventory
from opsbook.model.message import msg
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan, Outlook, coverage
from opsbook.model.runbook import Runbook, RunbookClass, Waves, duration

EMERGENCY_HOURS = 4
"""How long an emergency's plan can be used."""

MOST_DAYS = 366
"""How long any plan can be used at most."""


MakeWork = Callable[[Runbook, Estate, Inventory, Places, Clock], ChangeWork]
"""Gives the work behind a runbook, as :func:`change_work_for` does."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A wish to change hosts; ``settings`` are ``--set`` words, still text.

    ``window`` is the name of a window of the estate or ``START/END``; ``waves`` replaces parts of
    the runbook's ramp; ``emergency`` is the reason of an emergency.
    """

    runbook: str
    estate: str
    reason: str
    limit: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    window: str | None = None
    valid: timedelta | None = None
    on_drift: str = "skip"
    waves: Mapping[str, int] = field(default_factory=dict)
    emergency: bool = False
    origin: Origin = "terminal"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a plan is made from."""

    places: Places
    clock: Clock
    at: datetime
    estate: Estate
    runbook: Runbook
    inventory: Inventory
    settings: Mapping[str, Setting]
    limit: str | None
    ledger: Ledger


def plan_change(request: PlanRequest, places: Places, clock: Clock) -> Planned:
    """Foresee the change on every host and write the plan into the ledger under a new number.

    Raises InputFault and UsageFault when the request is wrong, Refused when the runbook needs no
    plan, the clock went back, or the estate has no approver policy in force.
    """
    request = replace(request, reason=fit_reason(request.reason))
    scene = set_scene(request, places, clock)
    policy = policy_in_force(scene.ledger, scene.estate)
    who = requester(request.origin, None, os.environ)
    refuse_unknown_requester(who, policy)
    _validity(request, policy)
    asked = _window(request, scene.estate)
    window = window_for(scene.estate, load_calendars(scene.estate), asked, scene.at)
    content = describe_change(request, scene, policy, foresee(scene, window=window), window)
    if not any(entry["outlook"] == Outlook.CHANGE for entry in content["host_plans"].values()):
        return Planned("", content)
    return keep_plan(content, scene.estate, scene.ledger, who, scene.at)


def set_scene(request: PlanRequest, places: Places, clock: Clock) -> Scene:
    """Read everything that the request names, and see that a plan may be made."""
    estate = load_estate(request.estate, places)
    runbook = load_runbook(request.runbook)
    if runbook.class_ is RunbookClass.ROUTINE:
        raise Refused(
            msg("{runbook} only reads and needs no plan.", runbook=runbook.name),
            next_step=msg("opsbook run {runbook} -e {estate}",
                          runbook=runbook.name, estate=request.estate),
        )  # fmt: skip
    refuse_without_witness(estate)
    settings = resolve(runbook, request.settings, {})
    ledger = open_ledger(places, clock)
    at = clock.now()
    refuse_clock_gone_back(ledger, at)
    limit = runbook.targets if request.limit is None else request.limit
    inventory = load_inventory(estate, places, limit)
    return Scene(places, clock, at, estate, runbook, inventory, settings, request.limit, ledger)


def foresee(
    scene: Scene, make: MakeWork = change_work_for, window: Mapping[str, Any] | None = None
) -> dict[str, HostPlan]:
    """The plan of each host, for that ``window``; one that cannot be looked at is CANNOT, with the
    reason.
    """
    work = make(scene.runbook, scene.estate, scene.inventory, scene.places, scene.clock)
    hosts = scene.inventory.hosts
    ends = closes(window, load_calendars(scene.estate), scene.at) if window else None
    found = work.forecast(hosts, replace(planning_job(scene), closes=ends))
    return {host.name: _host_plan(host.name, found[host.name]) for host in hosts}


def planning_job(scene: Scene) -> Job:
    """The job under which hosts are looked at for a plan."""
    return Job(
        run=f"PLAN-{secrets.token_hex(6)}",
        estate=scene.estate,
        inventory=scene.inventory,
        runbook=scene.runbook,
        parameters={name: setting.value for name, setting in scene.settings.items()},
        places=scene.places,
        clock=scene.clock,
        started=scene.at,
        cancelled=threading.Event(),
        deadline=scene.clock.monotonic() + duration(scene.runbook.timeout).total_seconds(),
    )


def _host_plan(host: str, found: HostPlan | OpsbookError) -> HostPlan:
    return found if isinstance(found, HostPlan) else HostPlan(host, Outlook.CANNOT, found.problem)


def describe_change(
    request: PlanRequest,
    scene: Scene,
    policy: Policy,
    hosts: Mapping[str, HostPlan],
    window: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The plan without its number; ``window`` where it does not come from the request."""
    estate, runbook = scene.estate, scene.runbook
    salt = secrets.token_hex(16)
    bound = inputs(runbook.name, estate, salt)
    content = common(
        estate, runbook, scene.inventory, scene.settings,
        limit=scene.limit, code_digest=digest(bound["code"]), versions=versions(),
    )  # fmt: skip
    calendars = load_calendars(estate)
    expires = scene.at + _validity(request, policy)
    waves = Waves.model_validate(runbook.waves.model_dump() | dict(request.waves))
    opens = window or window_for(estate, calendars, _window(request, estate), scene.at)
    signed = to_approve("runbook", estate, request.reason, scene.at, expires, policy.digest)
    return {
        **signed,
        **content,
        "emergency": {"reason": request.reason} if request.emergency else None,
        "inputs": bound,
        "window": opens,
        "openings": openings_within(opens, calendars, scene.at, expires),
        "freezes": freezes_within(calendars, scene.at, expires),
        "calendar_digest": calendars.digest,
        "on_drift": request.on_drift,
        "waves": waves.model_dump(),
        "host_plans": {name: plan.to_json() for name, plan in hosts.items()},
        "coverage": coverage(hosts.values()),
        "undo": {
            "possible": sum(plan.undo.possible for plan in hosts.values()),
            "total": sum(plan.undo.total for plan in hosts.values()),
        },
        "seconds": _seconds(hosts, waves),
    }


def _seconds(hosts: Mapping[str, HostPlan], waves: Waves) -> int:
    """The predicted duration of the whole run: waves one after the other, each as its slowest."""
    return sum(max(hosts[name].seconds for name in wave) for wave in split_changing(hosts, waves))


def _window(request: PlanRequest, estate: Estate) -> str | None:
    """As :func:`chosen_window`; an emergency waits for none."""
    return request.window if request.emergency else chosen_window(estate, request.window)


def chosen_window(estate: Estate, asked: str | None) -> str | None:
    """What was asked for; else the estate's only window, if it declares any.

    Raises UsageFault when there are several to choose from.
    """
    if asked or not estate.windows:
        return asked
    if len(estate.windows) == 1:
        return estate.windows[0].name
    raise UsageFault(
        msg("Estate {estate} has several windows: {names}.",
            estate=estate.name, names=", ".join(window.name for window in estate.windows)),
        untouched=msg("Nothing was planned."),
        next_step=msg("Choose one with --window."),
    )  # fmt: skip


def _validity(request: PlanRequest, policy: Policy) -> timedelta:
    """How long the plan is good. Raises UsageFault when that is no time, or too much."""
    if request.valid is not None and not timedelta() < request.valid <= timedelta(days=MOST_DAYS):
        raise UsageFault(
            msg("A plan is good for more than no time and at most {days} days.", days=MOST_DAYS),
            untouched=msg("Nothing was planned."),
            next_step=msg("Choose with --valid, such as 72h."),
        )
    if request.emergency:
        return min(request.valid or timedelta.max, timedelta(hours=EMERGENCY_HOURS))
    return request.valid or policy.plan_validity
