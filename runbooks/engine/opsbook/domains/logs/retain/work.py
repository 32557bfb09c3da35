"""``logs.retain``: retention of stored logs as work of a run; no host is connected to.

Hosts that left the inventory keep their logs until these are due: they are retained with the
first host of the inventory, and reported in its evidence under ``departed``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from opsbook.domains.logs.keep import stored, tiering
from opsbook.domains.logs.keep.store import DiskLogStore, open_store
from opsbook.domains.logs.retain.due import day_end, may_delete, preview, step_json
from opsbook.domains.logs.retain.retention import Action, Step
from opsbook.domains.logs.retain.tiers import Mover, mark_reported, unreported
from opsbook.execution.reports import faulty
from opsbook.execution.work import HostReport, Job, Sink
from opsbook.model.clock import Clock
from opsbook.model.errors import OpsbookError
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome
from opsbook.model.places import Places, account


def retain(estate: Estate, inventory: Inventory, places: Places, clock: Clock) -> RetainWork:
    """The work behind the procedure ``logs.retain``."""

    def everyone() -> frozenset[str]:
        from opsbook.execution.declared.inventory import load_inventory

        return frozenset(host.name for host in load_inventory(estate, places, None).hosts)

    return RetainWork(open_store(estate, places, clock), everyone)


@dataclass(slots=True)
class Retained:
    """What was (or would be) done for one host."""

    steps: list[Step] = field(default_factory=list)
    certificates: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def count(self, action: Action) -> int:
        """How many files."""
        return sum(1 for step in self.steps if step.action is action)

    def to_json(self) -> dict[str, Any]:
        """The evidence: what was archived and held, and a certificate per deleted file."""
        by_action: dict[str, list[dict[str, Any]]] = {str(action): [] for action in Action}
        for step in self.steps:
            by_action[step.action].append(step_json(step))
        return {"steps": by_action, "certificates": [c for _, c in self.certificates]}


class RetainWork:
    """The :class:`opsbook.execution.work.Work` of log retention.

    ``everyone`` names all hosts of the estate's inventory, whatever the run is limited to.
    """

    def __init__(self, store: DiskLogStore, everyone: Callable[[], frozenset[str]]) -> None:
        self._store = store
        self._everyone = everyone

    def examine(self, host: Host, job: Job) -> HostReport | None:
        """Always done again: what is done already is not due any more, and certificates that
        did not reach the ledger are reported then.
        """
        return None

    def perform(self, hosts: Sequence[Host], job: Job, sink: Sink) -> None:
        """See :meth:`opsbook.execution.work.Work.perform`."""
        dry_run = bool(job.parameters.get("dry_run", False))
        deleting, warning = may_delete(self._store, job.clock.now(), remember=not dry_run)
        first = job.inventory.hosts[0].name if job.inventory.hosts else ""
        for host in hosts:
            if job.cancelled.is_set():
                return
            sink.started(host.name, "retain")
            extra = self._departed() if host.name == first else []
            report, numbers = self._report(host.name, extra, job, deleting, warning)
            sink.finished(report)
            mark_reported(self._store, numbers)

    def _departed(self) -> list[str]:
        with self._store.catalogue.reading() as db:
            kept = stored.hosts(db)
        known = self._everyone()
        return [host for host in kept if host not in known]

    def _report(
        self, host: str, departed: Sequence[str], job: Job, deleting: bool, warning: Message | None
    ) -> tuple[HostReport, list[int]]:
        """The host's report and the certificates in it; trouble with one host stays with it."""
        dry_run = bool(job.parameters.get("dry_run", False))
        done: dict[str, Retained] = {}
        troubles: list[HostReport] = []
        for name in [host, *departed]:
            try:
                done[name] = self._retain(name, job, deleting, dry_run)
            except OpsbookError as error:
                done[name] = Retained(certificates=unreported(self._store, name))
                troubles.append(faulty(name, error))
        evidence = {"dry_run": dry_run, **done[host].to_json()}
        if departed:
            evidence["departed"] = {name: done[name].to_json() for name in departed}
        numbers = [number for each in done.values() for number, _ in each.certificates]
        deviations = [warning] if warning else []
        deviations += [part for t in troubles for part in (t.summary, *t.deviations)]
        outcome, summary = _ending(done.values(), dry_run)
        if troubles:
            outcome, summary = troubles[0].outcome, troubles[0].summary
        return HostReport(host, outcome, summary, evidence, tuple(deviations)), numbers

    def _retain(self, host: str, job: Job, deleting: bool, dry_run: bool) -> Retained:
        if dry_run:
            return Retained(preview(self._store, host, job.clock.now(), deleting=deleting))
        if not _is_stored(self._store, host):
            return Retained()
        lock = self._store.lock(host)
        try:
            mover = Mover(self._store, host, job.run, account(os.getuid()))
            mover.finish_leaving()
            steps = preview(self._store, host, job.clock.now(), deleting=deleting)
            done = _carry_out(self._store, mover, host, steps, job)
            mover.forget_ended_streams()
        finally:
            lock.release()
        return Retained(done, unreported(self._store, host))


def _carry_out(
    store: DiskLogStore, mover: Mover, host: str, steps: Sequence[Step], job: Job
) -> list[Step]:
    """Day by day, so that a cancelled run stops at a clean place; what was done."""
    done: list[Step] = []
    archivings = [step for step in steps if step.action is Action.ARCHIVE]
    days = {step.kept.file.day for step in archivings}
    for day in sorted(days.union(_manifests_to_archive(store, host, job.clock.now()))):
        if job.cancelled.is_set():
            return done
        of_day = [step for step in archivings if step.kept.file.day == day]
        mover.archive(day, [step.kept.file for step in of_day])
        done += of_day
    done += [step for step in steps if step.action is Action.HOLD]
    deletions = [s for s in steps if s.action in (Action.DELETE_HOT, Action.DELETE_ARCHIVE)]
    for _, group in groupby(deletions, lambda step: step.kept.file.day):
        if job.cancelled.is_set():
            return done
        of_day = list(group)
        mover.delete(of_day)
        done += of_day
    return done


def _manifests_to_archive(store: DiskLogStore, host: str, now: datetime) -> list[str]:
    """Ended days whose manifest is not in the archive tier, or an older one is."""
    with store.catalogue.reading() as db:
        days = tiering.manifests_to_archive(db, host)
    return [day for day, timezone in days if day_end(day, timezone) <= now]


def _is_stored(store: DiskLogStore, host: str) -> bool:
    with store.catalogue.reading() as db:
        return host in stored.hosts(db)


def _ending(done: Iterable[Retained], dry_run: bool) -> tuple[Outcome, Message]:
    counts: Counter[Action] = Counter()
    for retained in done:
        counts.update(step.action for step in retained.steps)
    numbers = {
        "archived": counts[Action.ARCHIVE],
        "hot": counts[Action.DELETE_HOT],
        "archive": counts[Action.DELETE_ARCHIVE],
        "held": counts[Action.HOLD],
    }
    if dry_run:
        return Outcome.OK, msg(
            "Would archive {archived} files, delete {hot} from the hot tier and {archive} from the"
            " archive; {held} are held.", **numbers)  # fmt: skip
    if not any(numbers.values()):
        return Outcome.OK, msg("Nothing is due.")
    changed = numbers["archived"] + numbers["hot"] + numbers["archive"] > 0
    return Outcome.CHANGED if changed else Outcome.OK, msg(
        "Archived {archived} files, deleted {hot} from the hot tier and {archive} from the"
        " archive; {held} are held.", **numbers)  # fmt: skip
