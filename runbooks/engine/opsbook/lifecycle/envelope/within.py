"""Whether a run of a ``standard`` runbook stays inside an envelope that stands.

What would step outside is refused, and the refusal recorded, in the envelope's dossier too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

from opsbook.approval.envelope import beforehand, open_window, outside
from opsbook.approval.inforce import policy_in_force
from opsbook.approval.signatures import Signatures, SshSignatures
from opsbook.approval.verdicts import standing_approval
from opsbook.calendars.load import load_calendars
from opsbook.execution.provenance import code_roots
from opsbook.ledger.dossier import read_dossier
from opsbook.lifecycle.change.admission import Bound, Dossier, changed_inputs, refuse_by_state
from opsbook.lifecycle.change.planning import MakeWork, PlanRequest, Scene, describe_change, foresee
from opsbook.lifecycle.envelope.envelopes import standing
from opsbook.lifecycle.plan import Plan
from opsbook.lifecycle.refusal import record_refusal
from opsbook.lifecycle.required import refuse_without_witness
from opsbook.lifecycle.works import change_work_for
from opsbook.model.canonical import digest
from opsbook.model.change import ChangeState
from opsbook.model.errors import OpsbookError, Refused
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg


@dataclass(frozen=True, slots=True)
class Reach:
    """What signatures are checked and hosts are reached with; doubles in tests."""

    signatures: Signatures
    work: MakeWork


def real_reach() -> Reach:
    """OpenSSH, and the runbook's own work."""
    return Reach(SshSignatures(), change_work_for)


def envelope_for(scene: Scene, who: Mapping[str, Any], means: Reach) -> Dossier:
    """The newest standing envelope that the run does not step out of, as far as can be told
    before a host is looked at; its approval is verified anew.
    """
    candidates = standing(scene.ledger, scene.estate.name, scene.runbook.name)
    if not candidates:
        problem = msg("No envelope stands for {runbook}: it changes hosts and cannot be run without"
                      " approval.", runbook=scene.runbook.name)  # fmt: skip
        _refuse(scene, who, "", problem)
    asked = _asked(scene)
    calendars = load_calendars(scene.estate)
    found = [(beforehand(d["plan"], asked, calendars, scene.at), d) for d in candidates]
    for problems, dossier in found:
        if not problems:
            approved = partial(_approved, scene, dossier, means.signatures)
            refusing(scene, who, dossier["change"], approved)
            return dossier
    problems, dossier = min(found, key=lambda pair: len(pair[0]))
    return _step_out(scene, who, dossier["change"], problems)


def plan_inside(scene: Scene, envelope: Dossier, who: Mapping[str, Any], means: Reach) -> Plan:
    """The plan of this run, which does not step out of the envelope."""
    request = PlanRequest(
        scene.runbook.name, str(scene.estate.directory), envelope["plan"]["reason"]
    )
    calendars = load_calendars(scene.estate)
    policy = policy_in_force(scene.ledger, scene.estate)
    hosts = foresee(scene, means.work)
    needs = timedelta(seconds=max((plan.seconds for plan in hosts.values()), default=0))
    window = open_window(envelope["plan"], calendars, scene.at, needs)
    content = describe_change(request, scene, policy, hosts, window)
    content |= {
        "change": envelope["change"],
        "under": {"change": envelope["change"], "plan_digest": envelope["plan_digest"]},
        "waves": envelope["plan"]["envelope"]["waves"],
        "expires": min(content["expires"], envelope["plan"]["expires"]),
        "requested_by": dict(who),
    }
    problems = outside(envelope["plan"], content, calendars, scene.clock.now())
    if problems:
        _step_out(scene, who, envelope["change"], problems)
    return Plan(content, digest(content))


def refuse_outside(scene: Scene, plan: Plan, means: Reach) -> None:
    """Raises Refused unless the envelope stands, the run's plan is inside it and everything is as
    it was planned; but for the time: that closes a wave, and the run can be resumed.
    """
    change = plan.content["change"]
    dossier = read_dossier(scene.ledger, change)
    _approved(scene, dossier, means.signatures)
    now = {**plan.content, "inputs": {"code": code_roots(scene.runbook.name)}}
    anytime = {**dossier["plan"]["envelope"], "windows": []}
    envelope = {**dossier["plan"], "envelope": anytime}
    problems = outside(envelope, now, load_calendars(scene.estate), scene.clock.now())
    if problems:
        raise Refused(
            msg("This run would step outside of envelope {change}: {what}.",
                change=change, what=problems[0]),
            untouched=msg("No host was touched."),
        )  # fmt: skip
    _refuse_changed(scene, plan)


def _refuse_changed(scene: Scene, plan: Plan) -> None:
    """Raises Refused when variables, hosts, versions or code are not those of the run's plan."""
    found = changed_inputs(plan.content, Bound(scene.estate, scene.runbook, scene.inventory))
    if found:
        raise Refused(
            msg("This run is no longer as it was planned: {what}", what=found[0]),
            untouched=msg("No host was touched."),
            next_step=msg("Bring it back to what it was, or begin anew: opsbook run {runbook}"
                          " -e {estate}",
                          runbook=scene.runbook.name, estate=scene.estate.name),
        )  # fmt: skip


def refusing(scene: Scene, who: Mapping[str, Any], change: str, check: Callable[[], None]) -> None:
    """Let ``check`` refuse; what it refuses is recorded before it is told."""
    try:
        check()
    except OpsbookError as error:
        recorded = record_refusal(
            scene.estate, scene.runbook.name, scene.ledger, scene.clock.now(), who,
            error.problem, error.exit, change=change,
        )  # fmt: skip
        error.untouched = recorded.untouched
        raise


def _asked(scene: Scene) -> dict[str, Any]:
    """What the run's plan will say for sure."""
    parameters = {name: {"value": s.value} for name, s in scene.settings.items()}
    return {
        "estate": {"name": scene.estate.name},
        "runbook": {"name": scene.runbook.name},
        "hosts": [host.name for host in scene.inventory.hosts],
        "parameters": parameters,
        "inputs": {"code": code_roots(scene.runbook.name)},
        "waves": scene.runbook.waves.model_dump(),
    }


def _approved(scene: Scene, dossier: Dossier, signatures: Signatures) -> None:
    """Raises Refused unless the envelope stands at this moment, by its signatures; IntegrityFault
    when the ledger's tail is not sound: a revocation may be missing there.
    """
    scene.ledger.check_tail()
    refuse_without_witness(scene.estate)
    refuse_by_state(dossier, (ChangeState.STANDING,))
    policy = policy_in_force(scene.ledger, scene.estate)
    standing_approval(dossier, policy, scene.clock.now(), signatures)


def _step_out(
    scene: Scene, who: Mapping[str, Any], change: str, problems: Sequence[Message]
) -> NoReturn:
    problem = msg("This run would step outside of envelope {change}: {what}.",
                  change=change, what=problems[0])  # fmt: skip
    _refuse(scene, who, change, problem)


def _refuse(scene: Scene, who: Mapping[str, Any], change: str, problem: Message) -> NoReturn:
    recorded = record_refusal(
        scene.estate, scene.runbook.name, scene.ledger, scene.at, who, problem, Exit.REFUSED,
        change=change,
    )  # fmt: skip
    raise Refused(
        problem,
        untouched=recorded.untouched,
        next_step=msg("Have it approved: opsbook plan {runbook} -e {estate}, or a new envelope:"
                      " opsbook envelope draft {runbook} -e {estate}",
                      runbook=scene.runbook.name, estate=scene.estate.name),
    )  # fmt: skip
