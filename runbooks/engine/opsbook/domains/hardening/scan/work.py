"""``hardening.scan``: looking at hosts with our own checks, as work of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import opsbook
from opsbook.domains.hardening.controls.compose import compose, longest
from opsbook.domains.hardening.controls.loader import Catalogue, load_catalogue
from opsbook.domains.hardening.controls.observed import MOST_BYTES, read_answers
from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.controls.site import stated_values
from opsbook.domains.hardening.scan.rows import Judged, Look, evidence, judge_all, told
from opsbook.domains.hardening.store.importing import Arrival, Identity, Intake, report
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.reach.shell import HostShell, Shell
from opsbook.execution.reports import faulty
from opsbook.execution.work import HostReport, Job, Sink
from opsbook.ledger.port import Ledger
from opsbook.ledger.store import open_ledger
from opsbook.model.clock import Clock
from opsbook.model.errors import HostFailed, HostRefused, OpsbookError
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.finding import Result
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places


def scan(estate: Estate, inventory: Inventory, places: Places, clock: Clock) -> ScanWork:
    """The work behind the procedure ``hardening.scan``."""
    catalogue = load_catalogue()
    shell = HostShell(inventory, places)
    return ScanWork(
        catalogue, shell, intake_of(estate, places, catalogue), open_ledger(places, clock)
    )


def intake_of(estate: Estate, places: Places, catalogue: Catalogue) -> Intake:
    """The store with all hosts of the estate, also where only some are looked at: the others
    would be strangers in it.
    """
    whole = load_inventory(estate, places, None)
    return Intake.of(estate, whole, Loaded(catalogue), places)


class Loaded:
    """A catalogue as the store asks it; ours takes time to read, and is read already."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @property
    def digest(self) -> str:
        """See :class:`opsbook.domains.hardening.store.keys.Controls`."""
        return self._catalogue.digest

    def controls_of(self, scanner: str, rule: str) -> Sequence[str]:
        """See :class:`opsbook.domains.hardening.store.keys.Controls`."""
        return self._catalogue.index.controls_of(scanner, rule)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one look brought: its rows in words of the store, and the host's report."""

    arrival: Arrival
    report: HostReport


class ScanWork:
    """The :class:`opsbook.execution.work.Work` of our own scan."""

    def __init__(
        self, catalogue: Catalogue, shell: Shell, intake: Intake, ledger: Ledger | None
    ) -> None:
        self._catalogue = catalogue
        self._shell = shell
        self._intake = intake
        self._ledger = ledger

    def examine(self, host: Host, job: Job) -> HostReport | None:
        """Always done again: a scan only reads, and the newest look counts."""
        return None

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """See :meth:`opsbook.execution.work.Work.perform`.

        Hosts are looked at side by side; what they told is kept one after the other.
        """
        controls = self._taken(job.parameters)
        script = compose(controls)
        parallel = max(1, int(job.parameters["parallel"]))
        with ThreadPoolExecutor(max_workers=min(parallel, len(hosts) or 1)) as pool:
            looks: dict[Future[_Looked | None], Host] = {
                pool.submit(self._look, host, controls, script, job, sink): host for host in hosts
            }
            for look in as_completed(looks):
                self._keep(looks[look], look, job, sink)
        if self._ledger is not None:
            report(self._intake.database, self._ledger)

    def _taken(self, parameters: Mapping[str, Any]) -> list[Control]:
        baseline = str(parameters["baseline"])
        slow = bool(parameters["slow"])
        return [
            control
            for control in self._catalogue.controls.values()
            if (slow or not control.slow) and (baseline == "all" or baseline in control.baselines)
        ]

    def _look(
        self, host: Host, controls: Sequence[Control], script: str, job: Job, sink: Sink
    ) -> _Looked | None:
        """One pass on one host; None when the run was stopped before it."""
        if job.cancelled.is_set():
            return None
        sink.started(host.name, "scan")
        site = site_of(host, self._catalogue.controls)
        started = job.clock.now()
        timeout = min(longest(controls), job.seconds_left)
        done = self._shell.run(host, script, timeout=timeout)
        answers = read_answers(done.out[:MOST_BYTES])
        if not answers.controls and not answers.complete:
            raise HostFailed(
                msg("The checks did not run on {host} (exit {code}): {reason}", host=host.name,
                    code=done.rc, reason=(done.err.strip() or "-")[-300:]),
                next_step=msg("Try: ssh {host} sudo -n sh -c true", host=host.name),
            )  # fmt: skip
        look = Look(
            run=job.run,
            host=host,
            started=_rfc3339(started),
            ended=_rfc3339(job.clock.now()),
            version=opsbook.__version__,
            content=self._catalogue.digest,
            profile=str(job.parameters["baseline"]),
        )
        judged = judge_all(controls, answers, site)
        name = f"{job.run}/{host.name}"
        data = f"{name}\0{done.out}".encode(errors="replace")
        identity = Identity(hashlib.sha256(data).hexdigest(), len(data))
        arrival = Arrival(name, list(told(look, answers, judged)), lambda: identity)
        found = evidence(look, answers, judged)
        return _Looked(
            arrival,
            HostReport(host.name, Outcome.OK, _summary(judged), found, _deviations(judged, found)),
        )

    def _keep(self, host: Host, look: Future[_Looked | None], job: Job, sink: Sink) -> None:
        try:
            looked = look.result()
            if looked is not None:
                self._intake.keep(looked.arrival, job.clock.now())
                sink.finished(looked.report)
        except OpsbookError as error:
            sink.finished(faulty(host.name, error))


def site_of(host: Host, controls: Mapping[str, Control]) -> Mapping[str, Mapping[str, Any]]:
    """The values of controls that the inventory states for ``host``.

    Raises HostRefused for what no control knows, so that nothing is judged by a typing mistake.
    """
    stated, faults = stated_values(host.vars, controls)
    if faults:
        first = faults[0]
        raise HostRefused(
            msg("{variable} of {host} is not right: {reason}", host=host.name,
                variable=".".join(filter(None, (first.file, first.path))), reason=first.problem),
            untouched=msg("The host was not looked at."),
            next_step=msg("opsbook controls show KEY shows the values of a control."),
        )  # fmt: skip
    return stated


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _summary(judged: Sequence[Judged]) -> Message:
    results = [one.verdict.result for one in judged]
    return msg(
        "{failed} of {judged} controls fail, {not_applicable} do not apply, {unknown} could not"
        " be looked at",
        failed=results.count(Result.FAIL),
        judged=results.count(Result.FAIL) + results.count(Result.PASS),
        not_applicable=results.count(Result.NOT_APPLICABLE),
        unknown=len(results)
        - sum(results.count(r) for r in (Result.FAIL, Result.PASS, Result.NOT_APPLICABLE)),
    )


def _deviations(judged: Sequence[Judged], found: Mapping[str, Any]) -> tuple[Message, ...]:
    told: list[Message] = []
    idle = [one.control.key for one in judged if one.verdict.not_in_effect]
    if idle:
        told.append(msg("configured, but not in effect: {controls}", controls=", ".join(idle)))
    if not found["complete"]:
        told.append(msg("the scan was cut off; controls after that are told as errors"))
    if not found["system"]["root"]:
        told.append(msg("the scan was not made by root, so not all could be looked at"))
    return tuple(told)
