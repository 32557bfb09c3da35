"""An approved change about to be carried out, and what must hold before each of its waves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opsbook.approval.signatures import Signatures, SshSignatures
from opsbook.calendars.days import Calendars
from opsbook.calendars.load import load_calendars
from opsbook.execution.declared.declarations import load_estate, load_runbook
from opsbook.execution.declared.inventory import load_inventory
from opsbook.ledger.port import Ledger
from opsbook.lifecycle.change.admission import Bound, admit
from opsbook.lifecycle.conduct.waves import split_changing
from opsbook.lifecycle.plan import Plan
from opsbook.lifecycle.refusal import record_refusal
from opsbook.lifecycle.timing import closed, passed_over, try_again
from opsbook.model.change import ChangeState
from opsbook.model.clock import Clock
from opsbook.model.errors import OpsbookError, Refused, UsageFault
from opsbook.model.estate import Estate
from opsbook.model.event import deviation
from opsbook.model.message import Message, msg
from opsbook.model.places import Places

BEGUN = (ChangeState.APPLYING, ChangeState.STOPPED)
"""States in which the plan is used and its run has not ended."""


@dataclass(frozen=True, slots=True)
class ApprovedChange:
    """A change about to be carried out; ``at`` is the one reading of the clock."""

    places: Places
    clock: Clock
    at: datetime
    ledger: Ledger
    bound: Bound
    dossier: Mapping[str, Any]
    signatures: Signatures

    @property
    def estate(self) -> Estate:
        """The estate of the change."""
        return self.bound.estate

    @property
    def change(self) -> str:
        """The change's number."""
        return str(self.dossier["change"])

    @property
    def plan(self) -> Plan:
        """The approved plan."""
        return Plan(self.dossier["plan"], self.dossier["plan_digest"])


def make_scene(
    dossier: Mapping[str, Any],
    ledger: Ledger,
    places: Places,
    clock: Clock,
    limit: str | None = None,
) -> ApprovedChange:
    """The scene of change ``dossier``, at one reading of the clock. Raises UsageFault."""
    plan = dossier["plan"]
    if dossier["kind"] != "runbook":
        raise UsageFault(
            msg("{change} plans no work on hosts.", change=dossier["change"]),
            next_step=msg("opsbook plan explain {change} says what it is.",
                          change=dossier["change"]),
        )  # fmt: skip
    estate = load_estate(dossier["directory"], places)
    runbook = load_runbook(plan["runbook"]["name"])
    inventory = load_inventory(estate, places, limit or plan["limit"] or runbook.targets)
    bound = Bound(estate, runbook, inventory)
    return ApprovedChange(places, clock, clock.now(), ledger, bound, dossier, SshSignatures())


def admitted(scene: ApprovedChange, allowed: Sequence[ChangeState]) -> None:
    """Raises Refused when anything is not as approved, by the rules of :mod:`.admission`."""
    admit(scene.dossier, scene.bound, scene.ledger, scene.signatures, scene.at, allowed)


def refuse_closed(scene: ApprovedChange) -> None:
    """Raises Refused when the first wave could not begin now."""
    plans = scene.plan.host_plans
    in_order = {host: plans[host] for host in scene.plan.hosts}
    first = next(iter(split_changing(in_order, scene.plan.waves)), ())
    problem = closed_now(scene, scene.at, first)
    if problem is not None:
        again = try_again(scene.dossier, _calendars(scene), scene.at, _needs(scene, first))
        raise Refused(problem, untouched=msg("No host was touched."), next_step=again)


def before_wave(scene: ApprovedChange, run: str, hosts: Sequence[str]) -> Message | None:
    """The gate before every wave of ``run``: nothing that was approved has changed, and it is
    time; what an emergency goes through is on record before the wave begins.

    Raises Refused when the approval no longer stands; gives the reason when it is not the time.
    """
    at = scene.clock.now()
    states = (ChangeState.APPROVED, *BEGUN)
    admit(scene.dossier, scene.bound, scene.ledger, scene.signatures, at, states)
    note_passed_over(scene, run, _calendars(scene), at, hosts)
    return closed_now(scene, at, hosts)


def note_passed_over(
    scene: ApprovedChange, run: str, calendars: Calendars, at: datetime, hosts: Sequence[str]
) -> None:
    """Record what an emergency goes through with a wave of ``hosts``, each thing once a run."""
    found = passed_over(scene.dossier["plan"], calendars, at, _needs(scene, hosts))
    known = scene.ledger.events(run=run, kinds=("run.deviation",)) if found else ()
    told = [(event.payload or {}).get("message") for event in known]
    new = [message for message in found if message.to_json() not in told]
    if new:
        scene.ledger.append([deviation(scene.estate.name, run, message) for message in new])


def closed_now(scene: ApprovedChange, at: datetime, hosts: Sequence[str]) -> Message | None:
    """Why no wave of ``hosts`` may begin at ``at``: window, freeze, cut-off."""
    return closed(scene.dossier["plan"], _calendars(scene), at, _needs(scene, hosts))


def _calendars(scene: ApprovedChange) -> Calendars:
    """As the estate's files say now, not when the run began."""
    return load_calendars(load_estate(scene.dossier["directory"], scene.places))


def _needs(scene: ApprovedChange, hosts: Sequence[str]) -> timedelta:
    """The predicted duration of a wave: its hosts are served at the same time."""
    plans = scene.plan.host_plans
    return timedelta(seconds=max((plans[host].seconds for host in hosts), default=0))


def refusing(scene: ApprovedChange, who: Mapping[str, Any], check: Callable[[], None]) -> None:
    """Let ``check`` refuse; what it refuses is recorded and signed before it is told."""
    try:
        check()
    except OpsbookError as error:
        recorded = record_refusal(
            scene.estate, scene.bound.runbook.name, scene.ledger, scene.clock.now(), who,
            error.problem, error.exit, change=scene.change,
        )  # fmt: skip
        error.untouched = recorded.untouched
        raise
