"""``hardening.controls``: the planner of the runbook ``hardening``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from opsbook.domains.hardening.controls.compose import compose
from opsbook.domains.hardening.controls.loader import Catalogue, load_catalogue
from opsbook.domains.hardening.controls.observed import HostAnswers, read_answers
from opsbook.domains.hardening.planning.again import ask_again
from opsbook.domains.hardening.planning.choice import Host as Subject
from opsbook.domains.hardening.planning.choice import unreached
from opsbook.domains.hardening.planning.conclusion import conclude
from opsbook.domains.hardening.planning.hostplan import (
    Draft,
    drafted,
    make_plan,
    refused_plan,
    steps_of,
    without_impossible,
)
from opsbook.domains.hardening.planning.snapshot import SCHEMA, Look, Snapshot, read_snapshot
from opsbook.domains.hardening.planning.standing import standing
from opsbook.domains.hardening.planning.telling import told_of
from opsbook.domains.hardening.planning.way import way_to
from opsbook.domains.hardening.planning.wishes import Wish, read_wish
from opsbook.domains.hardening.store.model import Acceptance, State
from opsbook.domains.hardening.store.port import Findings
from opsbook.domains.hardening.waivers.port import NoWaivers, Waivers, accepted_controls
from opsbook.execution.surveyed import Surveys, examined, occupied, own_numbers, read_all
from opsbook.execution.work import Examined, Job
from opsbook.model.clock import Clock
from opsbook.model.errors import HostFailed, OpsbookError
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan


class ControlPlanner:
    """The :class:`opsbook.execution.work.Planner` of controls.

    ``whole`` reads the inventory without a limit (a host outside of it may be reached through one
    of ours), ``findings`` opens the store for it; both only when a plan is made. ``waivers`` tells
    what is accepted on hosts of an inventory, also right before one of them is touched.
    """

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        findings: Callable[[Inventory], Findings],
        whole: Callable[[], Inventory],
        waivers: Callable[[Inventory], Waivers] = lambda inventory: NoWaivers(),
    ) -> None:
        self._load = catalogue
        self._findings = findings
        self._whole = whole
        self._waivers = waivers
        self._wishes: dict[str, Wish] = {}
        self._refused: dict[str, HostPlan] = {}
        self._drafts: dict[str, Draft] = {}
        self._looks: dict[str, Mapping[str, Look]] = {}

    @cached_property
    def _catalogue(self) -> Catalogue:
        return self._load()

    @cached_property
    def _inventory(self) -> Inventory:
        return self._whole()

    def equipment(self, job: Job) -> Mapping[str, Any]:
        """The script that looks at a host for every control; where plans are approved, for those
        that they are about.
        """
        controls = self._catalogue.controls
        planned = {key for plan in job.plans.values() for key in plan.given.get("controls", ())}
        keys = planned & controls.keys() if job.plans else controls.keys()
        return {"script": compose(controls[key] for key in keys)}

    def check(self, hosts: Sequence[Host], job: Job) -> None:
        """Raises InputFault when what is asked of hardening is not right."""
        for host in hosts:
            self._wish(host.name, job)

    def unable(self, hosts: Sequence[Host], job: Job) -> Mapping[str, Mapping[str, Any]]:
        """What scanners found there, all of it left to people."""
        kept = self._findings(self._inventory)
        found: dict[str, Mapping[str, Any]] = {}
        for host in hosts:
            seen = Subject(
                host.name, job.estate.name, self._catalogue.controls, HostAnswers({}), Wish(),
                kept.of_host(job.estate.name, host.name, (State.OPEN, State.WAIVED)),
            )  # fmt: skip
            found[host.name] = told_of(unreached(seen))
        return found

    def asks(self, surveys: Surveys, job: Job) -> Mapping[str, Mapping[str, Any]]:
        """What each step of what was chosen would do, asked of its host; of what is left, once
        more, when a host has said that some of it cannot be done.
        """
        if job.plans:
            return {}
        if not self._drafts:
            self._draft(surveys, job)
        asked = {host: steps_of(draft.settled.works) for host, draft in self._drafts.items()
                 if host not in self._looks}  # fmt: skip
        return {host: {"steps": steps} for host, steps in asked.items() if steps}

    def _draft(self, surveys: Surveys, job: Job) -> None:
        """What is to be done on each host, or why nothing can be planned for it at all."""
        snapshots, _ = read_all(surveys, read_snapshot)
        whole = self._inventory
        kept = self._findings(whole)
        for host, snapshot in snapshots.items():
            told = read_answers(snapshot.observed)
            unfit = _unfit(snapshot, told, job)
            if unfit is not None:
                self._refused[host] = refused_plan(host, unfit)
                continue
            seen = self._host(host, told, self._wish(host, job), job, kept)
            way = way_to(job.inventory[host], whole, snapshot.login, snapshot.day)
            local = job.inventory[host].connection == "local"
            self._drafts[host] = drafted(seen, way, local=local)

    def learn(self, answers: Surveys, job: Job) -> None:
        """What the steps would do; what a host said is forgotten when some cannot be done."""
        for host, snapshot in read_all(answers, read_snapshot)[0].items():
            draft, looks = self._drafts[host], snapshot.looks
            if not _silent(draft, looks):
                self._drafts[host] = without_impossible(draft, looks)
            if self._drafts[host] is draft:
                self._looks[host] = looks

    def settle(self, surveys: Surveys, job: Job) -> Mapping[str, HostPlan | OpsbookError]:
        """The plan of each host; with ``job.plans``, whether they would still do the same."""
        snapshots, found = read_all(surveys, read_snapshot)
        for host, snapshot in snapshots.items():
            if job.plans:
                way = way_to(job.inventory[host], self._inventory, snapshot.login, snapshot.day)
                ours, waived = own_numbers(job), self._since(host, job)
                found[host] = ask_again(job.plans[host], snapshot, way, ours, waived)
            else:
                found[host] = self._refused.get(host) or self._plan(host)
        return found

    def standing(self, host: str, survey: Mapping[str, Any], job: Job) -> Examined:
        """How far ``host`` is; a host that cannot be read is midway."""
        return examined(
            host, survey, read_snapshot, lambda now: standing(job.plans[host], now, job.known_as)
        )

    def conclude(
        self, host: str, evidence: Mapping[str, Any], job: Job
    ) -> tuple[Mapping[str, Any], tuple[Message, ...]]:
        """Every control before and after, instead of two whole surveys."""
        kept = {key: evidence[key] for key in evidence if key not in ("before", "after")}
        plan = job.plans.get(host)
        if plan is None or not isinstance(evidence.get("after"), Mapping):
            return kept, ()
        try:
            after = read_snapshot(host, {"schema": SCHEMA, **evidence["after"]})
        except OpsbookError as error:
            return kept, (error.problem,)
        facts, deviations = conclude(plan, after, self._catalogue.controls)
        return kept | facts, deviations

    def _host(self, name: str, told: HostAnswers, wish: Wish, job: Job, kept: Findings) -> Subject:
        controls = {
            key: control.of_family(told.family) for key, control in self._catalogue.controls.items()
        }
        found = kept.of_host(job.estate.name, name, (State.OPEN, State.WAIVED))
        accepted = accepted_controls(self._accepting, name, controls, job.started)
        return Subject(name, job.estate.name, controls, told, wish, found, accepted)

    @cached_property
    def _accepting(self) -> Waivers:
        return self._waivers(self._inventory)

    def _since(self, host: str, job: Job) -> Mapping[str, Acceptance]:
        """Controls of an approved plan that are accepted by now."""
        planned = job.plans[host].given.get("controls", {})
        return accepted_controls(self._waivers(job.inventory), host, planned, job.clock.now())

    def _plan(self, host: str) -> HostPlan | OpsbookError:
        draft = self._drafts[host]
        looks = self._looks.get(host, {})
        silent = _silent(draft, looks)
        if silent:
            return HostFailed(
                msg("{host} did not say what {step} would do.", host=host, step=silent[0]),
                untouched=msg("Nothing was touched."),
            )
        return make_plan(draft, looks)

    def _wish(self, host: str, job: Job) -> Wish:
        """What is asked for on one host. Raises InputFault when it is not right."""
        if host not in self._wishes:
            variables = job.inventory[host].vars
            self._wishes[host] = read_wish(variables, job.parameters, self._catalogue.controls)
        return self._wishes[host]


def controls(estate: Estate, inventory: Inventory, places: Places, clock: Clock) -> ControlPlanner:
    """The planner behind the name ``hardening.controls``."""

    def findings(whole: Inventory) -> Findings:
        from opsbook.domains.hardening.store.store import open_findings
        from opsbook.domains.hardening.waivers.view import WaivedFindings

        kept = open_findings(places, estate.name, whole)
        return WaivedFindings(kept, waivers(whole), clock.now())

    def whole() -> Inventory:
        from opsbook.execution.declared.inventory import load_inventory

        return load_inventory(estate, places, None)

    def waivers(hosts: Inventory) -> Waivers:
        from opsbook.domains.hardening.waivers.register import open_register

        return open_register(places, estate, hosts)

    return ControlPlanner(load_catalogue, findings, whole, waivers)


def _silent(draft: Draft, looks: Mapping[str, Look]) -> list[str]:
    """The steps of which the host did not say what they would do."""
    return [step["id"] for step in steps_of(draft.settled.works) if step["id"] not in looks]


def _unfit(snapshot: Snapshot, told: HostAnswers, job: Job) -> Message | None:
    """Why nothing can be planned for this host at all."""
    busy = occupied(snapshot.lease, own_numbers(job))
    if busy is not None:
        return busy
    if not told.controls:
        return msg("its checks told nothing: see that /bin/sh works there")
    if not told.root:
        return msg("its checks did not run as root: set ansible_become for it")
    if told.family not in ("debian", "rhel"):
        return msg("no control is known for its system ({system})", system=told.os)
    return None
