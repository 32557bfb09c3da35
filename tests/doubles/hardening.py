"""A small catalogue, hosts in memory that such controls are looked at on, and a planner over both.

A host here is what its controls see: a value for each thing that a step can settle. Its looks and
its answers to checks both follow from that, as on a real host.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from doubles.clock import START, FakeClock
from doubles.findings import MemoryFindings
from doubles.patching import estate
from opsbook.domains.hardening.controls.loader import Catalogue
from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.planning.claims import Claims, Thing, claims_of
from opsbook.domains.hardening.planning.planner import ControlPlanner
from opsbook.domains.hardening.store.model import Finding, Look, Sighting, State
from opsbook.execution.work import Job
from opsbook.model.estate import Host, Inventory
from opsbook.model.finding import Result, Severity
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan
from opsbook.model.runbook import Runbook

Json = dict[str, Any]

CONTROLS = (Path(__file__).parent / "hardening_controls.yml").read_text(encoding="utf-8")

_WORDS = {"zh": "试", "en": "Try"}


def catalogue(text: str = CONTROLS) -> Catalogue:
    """The controls of ``text``; what they leave out is filled in."""
    rows = YAML(typ="safe", pure=True).load(text)
    found = {row["key"]: _control(row) for row in rows}
    return Catalogue(found, "0" * 64)


def _control(row: Mapping[str, Any]) -> Control:
    whole = {
        "schema": 1,
        "title": {"zh": f"控制 {row['key']}", "en": f"Control {row['key']}"},
        "why": _WORDS,
        "risk": {"disruption": "none"},
        "undo": {"kind": "full"},
        "check": "true",
    }
    return Control.model_validate(whole | dict(row))


@dataclass
class MemoryHost:
    """A host as its controls see it. ``state`` has what things are now; of a thing that is not in
    it nothing is set. ``accounts`` are the days that passwords last.
    """

    state: Claims = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    login: Json = field(default_factory=lambda: login())
    root: bool = True
    family: str = "debian"
    unable: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    more: Json = field(default_factory=dict)

    def survey(self, controls: Mapping[str, Control], steps: Sequence[Json] = ()) -> Json:
        """What the survey says when it is given the script, and ``steps`` to look at."""
        return {
            "schema": "opsbook.hardening-survey/1",
            "now": int(START.timestamp()),
            "observed": self.observed(controls),
            "looks": self.looks(steps),
            "login": self.login,
            "system": {"id": "debian", "version": "12", "family": self.family},
        } | self.more

    def observed(self, controls: Mapping[str, Control]) -> str:
        """What the script of all controls prints here."""
        lines = [f"host\t1\tdebian\t12\t{self.family}\t0\t{int(self.root)}"]
        for key, control in controls.items():
            lines += [*self._told(control.of_family(self.family)), f"ran\t{key}"]
        return "\n".join([*lines, "end", ""])

    def looks(self, steps: Sequence[Json]) -> list[Json]:
        """What each of ``steps`` would do after those before it."""
        state, found = dict(self.state), []
        for step in steps:
            changes = {t: v for t, v in claims_of([step]).items() if state.get(t) != v}
            changes |= self._ages(step)
            found.append({
                "id": step["id"], "changes": bool(changes),
                "before": " ".join(state.get(thing, "-") for thing in changes),
                "after": " ".join(changes.values()),
                "problem": self.problems.get(step["id"], ""),
                "effects": ["ssh.service"] if step["kind"] == "sshd_option" and changes else [],
            })  # fmt: skip
            state |= changes
        return found

    def after(self, steps: Sequence[Json]) -> MemoryHost:
        """The host with ``steps`` done."""
        done = {t: v for step in steps for t, v in (claims_of([step]) | self._ages(step)).items()}
        ages = {**self.accounts, **{t[1]: int(v) for t, v in done.items() if t[0] == "age"}}
        state = {t: v for t, v in (self.state | done).items() if t[0] != "age"}
        return MemoryHost(state, ages, self.login, self.root, self.family, self.unable)

    def _ages(self, step: Json) -> Claims:
        days = int(step.get("max_days", 0))
        return {("age", user): str(days) for user in step.get("users", ())
                if self.accounts.get(user) != days}  # fmt: skip

    def _told(self, control: Control) -> list[str]:
        if control.key in self.unable:
            return [f"cannot\t{control.key}\t{self.unable[control.key]}"]
        for name in control.needs.packages:
            if self.state.get(("package", name)) != "present":
                return [f"not_applicable\t{control.key}\tpackage:{name}"]
        rows = []
        for name in control.expect:
            where, _, what = name.partition(".")
            values = self._seen(control)
            rows += [f"see\t{control.key}\t{where}\t{what}\t{of}\t{v}" for of, v in values]
            rows += [] if values else [f"none\t{control.key}\t{where}\t{what}"]
        return rows

    def _seen(self, control: Control) -> list[tuple[str, str]]:
        if control.key == "pkg.absent:telnet":
            return [("", t[1]) for t, v in self.state.items() if t == TELNET and v == "present"]
        if control.key == "shadow.max_days":
            return [(user, str(days)) for user, days in sorted(self.accounts.items())]
        steps = [dict(step.stated) | {"kind": step.kind} for step in control.steps]
        things: list[Thing] = [thing for step in steps for thing in claims_of([step])]
        if control.key == "firewall.nftables":
            ruleset = self.state.get(("file", "/etc/nftables.conf"), "")
            return [("", "drop" if "policy drop" in ruleset else "accept")]
        return [("", self.state[thing]) for thing in things if thing in self.state]


TELNET: Thing = ("package", "telnet")
PERMIT: Thing = ("sshd", "permitrootlogin")
AGE: Thing = ("conf", "/etc/login.defs", "", "pass_max_days")
FORWARD: Thing = ("sysctl", "net.ipv4.ip_forward")
AUDITD: Thing = ("package", "auditd")


def bad() -> MemoryHost:
    """A host on which nearly nothing is as it should be."""
    return MemoryHost(
        {TELNET: "present", PERMIT: "yes", AGE: "99999", FORWARD: "1"}, {"zhang": 99999}
    )


def login(**more: Any) -> Json:
    """Who came in, as a survey tells: an account with a key, and sudo without a password."""
    return {
        "user": "ops", "uid": 1000, "groups": ["ops", "sudo"], "source": "10.0.0.9",
        "authentication": "publickey", "password": {"state": "locked", "changed": 20000},
        "sudo": {"used": True, "nopasswd": True},
    } | more  # fmt: skip


def finding(key: str, host: str = "web1", state: State = State.OPEN, **more: Any) -> Finding:
    """A finding as the store gives it; ``control:`` is put before the key of a control."""
    whole = key if key.partition(":")[0] in ("cve", "nessus", "control") else f"control:{key}"
    look = Look(1, host, START, "xccdf", "OpenSCAP")
    told = Sighting(look, "ssg", f"rule_of_{key}", Result.FAIL, Severity.MEDIUM, "medium",
                    f"Title of {key}", remedy=f"What the scanner says of {key}")  # fmt: skip
    wanted = {"severity": Severity.MEDIUM, "title": f"Title of {key}"} | more
    return Finding(host, whole, "", state, first_seen=START, last_seen=START, sightings=(told,),
                   **wanted)  # fmt: skip


def runbook() -> Runbook:
    """A runbook that hardens."""
    return Runbook.model_validate(
        {
            "schema": 1, "name": "hardening", "title": _WORDS, "purpose": _WORDS, "class": "normal",
            "risk": {"level": "high", "why": _WORDS},
            "restore_point": {"kind": "undo_bundle", "why": _WORDS},
            "work": {"playbook": "playbook.yml", "survey": "survey.yml",
                     "planner": "hardening.controls"},
            "undo": {"kind": "playbook", "why": _WORDS, "playbook": "undo.yml"},
            "predicted_duration": "10m", "timeout": "2h", "method": _WORDS, "tools": [],
            "records": [],
        }
    )  # fmt: skip


class Scene:
    """A planner over doubles: one catalogue, findings in memory, an inventory."""

    def __init__(self, text: str = CONTROLS) -> None:
        self.catalogue = catalogue(text)
        self.findings = MemoryFindings()
        self.others: list[Host] = []

    def planner(self, job: Job) -> ControlPlanner:
        """A planner for one job, as every command makes its own."""
        whole = Inventory(
            (*job.inventory.hosts, *self.others), "0" * 64, Places(job.places.root).cache
        )
        return ControlPlanner(lambda: self.catalogue, lambda _: self.findings, lambda: whole)

    def job(
        self, names: Sequence[str], plans: Mapping[str, HostPlan] | None = None,
        variables: Mapping[str, Any] | None = None, **parameters: Any,
    ) -> Job:  # fmt: skip
        """A job on hosts of these names, all with the same ``variables``."""
        clock = FakeClock(START)
        hosts = tuple(Host(name, name, user="ops", become=True, vars=variables or {})
                      for name in names)  # fmt: skip
        places = Places(Path("/nonexistent"))
        return Job(
            run="RUN-20261121-001", change="CHG-20261121-001", estate=estate(),
            inventory=Inventory(hosts, "0" * 64, places.cache), runbook=runbook(),
            parameters=parameters, places=places, clock=clock, started=clock.now(),
            cancelled=threading.Event(), plans=plans or {},
        )  # fmt: skip

    def plan(
        self, host: MemoryHost, *findings: str | Finding,
        variables: Mapping[str, Any] | None = None, **parameters: Any,
    ) -> HostPlan:  # fmt: skip
        """The plan of ``host``, called web1, on which these findings are known."""
        known = [one if isinstance(one, Finding) else finding(one) for one in findings]
        self.findings.put("small", *known)
        job = self.job(["web1"], None, variables, **parameters)
        planner = self.planner(job)
        surveys = {"web1": host.survey(self.catalogue.controls)}
        while asked := planner.asks(surveys, job):
            planner.learn({name: host.survey({}, one["steps"]) for name, one in asked.items()}, job)
        made = planner.settle(surveys, job)["web1"]
        assert isinstance(made, HostPlan), made
        return HostPlan.from_json("web1", made.to_json())

    def again(self, plan: HostPlan, host: MemoryHost) -> HostPlan:
        """What would happen now, right before ``host`` is touched."""
        job = self.job(["web1"], {"web1": plan})
        survey = host.survey(self.catalogue.controls, plan.given["steps"])
        made = self.planner(job).settle({"web1": survey}, job)["web1"]
        assert isinstance(made, HostPlan), made
        return made
