"""``patching.packages``: the planner of the runbook ``patching``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from opsbook.domains.patching import asking, comparison
from opsbook.domains.patching.baseline import Baseline, is_plain, read_baseline
from opsbook.domains.patching.choice import choose
from opsbook.domains.patching.hostplan import Decided, ask_again, make_plan
from opsbook.domains.patching.knowledge.fixes import Known, look_up
from opsbook.domains.patching.knowledge.store import Extract, Knowledge
from opsbook.domains.patching.past import ratios
from opsbook.domains.patching.preflight import Setting, outdated, unsound
from opsbook.domains.patching.seen import FirstSeen
from opsbook.domains.patching.snapshot import Snapshot, read_snapshot
from opsbook.domains.patching.standing import standing
from opsbook.domains.patching.versions import Family
from opsbook.execution.surveyed import Surveys, examined, own_numbers, read_all
from opsbook.execution.work import Examined, Job
from opsbook.ledger.port import Ledger
from opsbook.model.clock import Clock
from opsbook.model.errors import InputFault, OpsbookError
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.faults import Fault
from opsbook.model.message import Message, msg
from opsbook.model.places import Places
from opsbook.model.plan import HostPlan
from opsbook.model.runbook import duration


def packages(estate: Estate, inventory: Inventory, places: Places, clock: Clock) -> PackagePlanner:
    """The planner behind the name ``patching.packages``."""

    def ledger() -> Ledger:
        from opsbook.ledger.store import open_ledger

        return open_ledger(places, clock)

    return PackagePlanner(ledger, Knowledge.of(places), clock)


class PackagePlanner:
    """The :class:`opsbook.execution.work.Planner` of packages.

    ``ledger`` opens the ledger when first-seen times are needed, and only then.
    """

    def __init__(self, ledger: Callable[[], Ledger], knowledge: Knowledge, clock: Clock) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._clock = clock
        self._asked: Mapping[str, asking.Asked] = {}

    def equipment(self, job: Job) -> Mapping[str, Any]:
        """Nothing: the modules of patching know what to read."""
        return {}

    def check(self, hosts: Sequence[Host], job: Job) -> None:
        """Raises InputFault when a baseline is not right."""
        _baselines([host.name for host in hosts], job)

    def unable(self, hosts: Sequence[Host], job: Job) -> Mapping[str, Mapping[str, Any]]:
        """Nothing: what is not surveyed is not known."""
        return {}

    def asks(self, surveys: Surveys, job: Job) -> Mapping[str, Mapping[str, Any]]:
        """One host per source version whose changelog is not known yet."""
        if job.plans:
            return {}
        baselines = _baselines(surveys, job)
        snapshots, _ = read_all(surveys, read_snapshot)
        self._asked = asking.questions(snapshots, baselines, self._knowledge, self._clock.now())
        return {host: asked.to_json() for host, asked in self._asked.items()}

    def learn(self, answers: Surveys, job: Job) -> None:
        """Keep what was asked for and answered; nothing else a host says of changelogs counts."""
        now = self._clock.now()
        for host, answer in answers.items():
            if host in self._asked:
                asking.learn(self._asked[host], answer, self._knowledge, now)

    def settle(self, surveys: Surveys, job: Job) -> Mapping[str, HostPlan | OpsbookError]:
        """The plan of each host; with ``job.plans``, whether they would still do the same.

        Raises InputFault when a name in a baseline is not right.
        """
        snapshots, found = read_all(surveys, read_snapshot)
        now = self._clock.now()
        if job.plans:
            setting = _setting(job, now, None)
            for host, snapshot in snapshots.items():
                approved = job.plans[host]
                found[host] = ask_again(approved, snapshot, setting)
            return found
        baselines = _baselines(surveys, job)
        _check_names(snapshots.values(), job.parameters)
        return found | self._plan(snapshots, baselines, job, now)

    def standing(self, host: str, survey: Mapping[str, Any], job: Job) -> Examined:
        """How far ``host`` is; a host whose packages cannot be read is midway."""
        return examined(
            host, survey, read_snapshot, lambda now: standing(job.plans[host], now, job.known_as)
        )

    def conclude(
        self, host: str, evidence: Mapping[str, Any], job: Job
    ) -> tuple[Mapping[str, Any], tuple[Message, ...]]:
        """Before against after in ``patching`` and ``actual`` instead of two whole surveys."""
        kept = {key: evidence[key] for key in evidence if key not in ("before", "after")}
        plan = job.plans.get(host)
        if plan is None or not ("before" in evidence and "after" in evidence):
            return kept, ()
        try:
            before = read_snapshot(host, evidence["before"])
            after = read_snapshot(host, evidence["after"])
        except OpsbookError as error:
            return kept, (error.problem,)
        applied = evidence.get("applied")
        facts = comparison.compare(
            before, after, plan, applied if isinstance(applied, Mapping) else {}
        )
        facts |= {"cves_open": self._still_open(after)}
        actual = comparison.actual(before, after, plan)
        return kept | {"patching": facts, "actual": actual}, comparison.deviations(facts, plan)

    def _plan(
        self,
        snapshots: Mapping[str, Snapshot],
        baselines: Mapping[str, Baseline],
        job: Job,
        now: datetime,
    ) -> dict[str, HostPlan | OpsbookError]:
        known = self._known(snapshots.values())
        ledger = self._ledger()
        every = (one for snapshot in snapshots.values() for one in snapshot.candidates)
        seen = FirstSeen(ledger, job.estate.name).note(every, now)
        past = ratios(ledger, job.estate.name)
        setting = _setting(job, now, self._in_force())
        plans: dict[str, HostPlan | OpsbookError] = {}
        for host, snapshot in snapshots.items():
            baseline = baselines[host]
            choice = choose(snapshot, baseline, known, seen, now)
            refusals = unsound(snapshot, baseline, now) + outdated(snapshot, baseline, setting)
            decided = Decided(baseline, choice, refusals, past)
            plans[host] = make_plan(host, snapshot, decided, setting)
        return plans

    def _known(self, snapshots: Iterable[Snapshot]) -> Known:
        """What is known of all candidates, looked up once for all hosts."""
        sources: dict[str, set[str]] = {}
        versions: dict[Family, set[tuple[str, str]]] = {}
        for snapshot in snapshots:
            for one in snapshot.candidates:
                sources.setdefault(snapshot.codename, set()).add(one.source)
                wanted = versions.setdefault(snapshot.family, set())
                wanted.add((one.source, one.source_after))
        return look_up(self._knowledge, sources, versions)

    def _still_open(self, after: Snapshot) -> list[str]:
        """CVE ids that the archive has closed and the host still has, by the tracker."""
        installed = {
            (package.source, package.source_version) for package in after.installed.values()
        }
        names = {source for source, _ in installed}
        known = look_up(self._knowledge, {after.codename: names}, {})
        ids = (
            known.open_ids(after.codename, source, version, after.family)
            for source, version in sorted(installed)
        )
        return sorted(set().union(*ids))[:1000]

    def _in_force(self) -> Extract | None:
        extracts = [extract for extract in self._knowledge.extracts() if extract.in_force]
        return extracts[-1] if extracts else None


def _baselines(hosts: Iterable[str], job: Job) -> dict[str, Baseline]:
    variables = {host.name: host.vars for host in job.inventory.hosts}
    return {host: read_baseline(variables.get(host, {}), job.parameters) for host in hosts}


def _setting(job: Job, now: datetime, extract: Extract | None) -> Setting:
    longest = duration(job.runbook.timeout)
    return Setting(
        now=now,
        until=job.closes or now + max(longest, timedelta(hours=1)),
        runs=own_numbers(job),
        needs_backup=job.runbook.restore_point.kind == "backup",
        extract=extract,
    )


def _check_names(snapshots: Iterable[Snapshot], parameters: Mapping[str, Any]) -> None:
    """A package named on the command line is installed somewhere, or the name is wrong."""
    given = read_baseline({}, parameters)
    installed = {
        name
        for snapshot in snapshots
        for package in snapshot.installed.values()
        for name in (package.package, package.source)
    }
    faults = [
        Fault("--set", 0, parameter, msg("no host has a package named {package}", package=name))
        for parameter, names in (("include", given.include), ("exclude", given.exclude))
        for name in names
        if is_plain(name) and installed and name not in installed
    ]
    if faults:
        raise InputFault(
            msg("The baseline of patching is not right."),
            faults,
            untouched=msg("Nothing was touched."),
        )
