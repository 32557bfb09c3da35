"""Finds night jobs that were due and did not happen, and records each exactly once.

What was looked at is itself an event, ``schedules.checked``, per estate:

- ``declared``: what each schedule says; another declaration starts that schedule's count anew
- ``since``: per schedule, the moment up to which every due time has been accounted for
- ``after``: the sequence number after which starts still matter for the next look

A start is a ``run.opened`` or ``run.refused`` whose ``requested_by`` names the schedule; a
refused start has its own record and is not missed besides. Each missed due time gets a run
number and ``run.missed``. The look happens under the lease ``<estate>/schedules``, so that two
processes never record the same miss; after a crash in between, what was recorded is recognised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from opsbook.calendars.load import load_calendars
from opsbook.ledger import resources
from opsbook.ledger.port import Ledger
from opsbook.ledger.process import this_process
from opsbook.ledger.witness import testify
from opsbook.model.clock import Clock, stamp, unstamp
from opsbook.model.errors import Busy
from opsbook.model.estate import Estate, Scheduled
from opsbook.model.event import Event, NewEvent
from opsbook.scheduler.due import due_times, missed

CHECKED = "schedules.checked"

_STARTS = ("run.opened", "run.refused")


@dataclass(frozen=True, slots=True)
class Missed:
    """A due time (UTC) of a schedule without a run, and the number of its record."""

    schedule: str
    runbook: str
    due: datetime
    run: str = ""


@dataclass(frozen=True, slots=True)
class _Look:
    """The last look at an estate's schedules."""

    declared: Mapping[str, Any] = field(default_factory=dict)
    since: Mapping[str, datetime] = field(default_factory=dict)
    after: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    """What a new look sees: misses to record, and the look to remember."""

    misses: Sequence[Missed]
    look: _Look


def record_missed(estate: Estate, ledger: Ledger, clock: Clock) -> list[Missed]:
    """Record every due time of ``estate`` that passed without a run since the last look.

    Cheap when nothing new is due: it then only reads. While another process is looking it
    returns at once with nothing. Gives what this call recorded.
    """
    now = clock.now()
    if not _news(estate, ledger, now):
        return []
    try:
        lease = ledger.take(resources.of_schedules(estate.name), this_process(""))
    except Busy:
        return []
    try:
        found = _news(estate, ledger, now)
        return _record(estate, ledger, found) if found else []
    finally:
        ledger.release(lease)


def due_now(estate: Estate, job: Scheduled, ledger: Ledger, now: datetime) -> bool:
    """Whether a due time of ``job`` that may still be met has had no start yet."""
    grace = timedelta(minutes=job.grace_minutes)
    calendar = load_calendars(estate)
    earliest = now - grace - timedelta(microseconds=1)
    dues = list(due_times(job.when, estate.zone, calendar, after=earliest, until=now))
    if not dues:
        return False
    events = ledger.events(kinds=_STARTS, after=_last_look(estate.name, ledger).after)
    return not any(start >= dues[-1] for start in _starts(events, estate.name, job.name))


def _starts(events: Iterable[Event], estate: str, schedule: str) -> list[datetime]:
    """When runs of ``schedule`` were opened or refused, of ``events``."""
    return [
        event.at
        for event in events
        if event.estate == estate and event.kind in _STARTS and _schedule(event) == schedule
    ]


def _schedule(event: Event) -> str:
    by = (event.payload or {}).get("requested_by")
    return str(by.get("schedule") or "") if isinstance(by, Mapping) else ""


def _record(estate: Estate, ledger: Ledger, found: _Found) -> list[Missed]:
    recorded = [_record_one(estate, ledger, miss) for miss in found.misses]
    look = found.look
    payload = {
        "declared": dict(look.declared),
        "since": {name: stamp(moment) for name, moment in look.since.items()},
        "after": look.after,
    }
    ledger.append([NewEvent(CHECKED, estate.name, payload=payload)])
    if recorded:
        testify(ledger.checkpoint(), estate.witnesses)
    return recorded


def _record_one(estate: Estate, ledger: Ledger, miss: Missed) -> Missed:
    payload = {
        "schedule": miss.schedule,
        "runbook": miss.runbook,
        "due": stamp(miss.due),
        "timezone": estate.timezone,
    }

    def make(run: str) -> list[NewEvent]:
        return [NewEvent("run.missed", estate.name, run, payload=payload)]

    run = ledger.open_run(miss.due.astimezone(estate.zone).date(), make)
    return Missed(miss.schedule, miss.runbook, miss.due, run)


def _news(estate: Estate, ledger: Ledger, now: datetime) -> _Found | None:
    """What is new since the last look; None when there is nothing to write down."""
    last = _last_look(estate.name, ledger)
    declared = {job.name: _declaration(estate, job) for job in estate.schedules}
    since = {
        name: min(last.since.get(name, now), now) if last.declared.get(name) == said else now
        for name, said in declared.items()
    }
    over = {job.name: _over(estate, job, since[job.name], now) for job in estate.schedules}
    if declared == dict(last.declared) and not any(over.values()):
        return None
    events = list(ledger.events(kinds=(*_STARTS, "run.missed"), after=last.after))
    misses = [miss for job in estate.schedules for miss in _misses(estate, job, over, events, now)]
    since |= {name: dues[-1] for name, dues in over.items() if dues}
    return _Found(misses, _Look(declared, since, _after(events, since, last.after)))


def _over(estate: Estate, job: Scheduled, since: datetime, now: datetime) -> list[datetime]:
    """Due times after ``since`` whose time to start has ended."""
    end = now - timedelta(minutes=job.grace_minutes)
    calendar = load_calendars(estate)
    return [
        due
        for due in due_times(job.when, estate.zone, calendar, after=since, until=end)
        if due < end
    ]


def _misses(
    estate: Estate,
    job: Scheduled,
    over: Mapping[str, Sequence[datetime]],
    events: Sequence[Event],
    now: datetime,
) -> list[Missed]:
    grace = timedelta(minutes=job.grace_minutes)
    starts = _starts(events, estate.name, job.name)
    known = _recorded(events, estate.name, job.name)
    return [
        Missed(job.name, job.runbook, due)
        for due in missed(over[job.name], starts, grace=grace, now=now)
        if stamp(due) not in known
    ]


def _recorded(events: Sequence[Event], estate: str, schedule: str) -> set[str]:
    return {
        str(event.payload.get("due"))
        for event in events
        if event.kind == "run.missed"
        and event.estate == estate
        and event.payload
        and event.payload.get("schedule") == schedule
    }


def _declaration(estate: Estate, job: Scheduled) -> dict[str, Any]:
    """What decides when ``job`` is due, as JSON."""
    holidays = estate.calendar.holidays
    return {
        "runbook": job.runbook,
        "at": job.when.at,
        "days": job.when.days,
        "grace_minutes": job.grace_minutes,
        "timezone": estate.timezone,
        "work_days": list(estate.calendar.work_days),
    } | ({} if holidays == "none" else {"holidays": holidays})


def _last_look(estate: str, ledger: Ledger) -> _Look:
    payload: Mapping[str, Any] = {}
    for event in ledger.events(kinds=[CHECKED]):
        if event.estate == estate and event.payload is not None:
            payload = event.payload
    since = {name: unstamp(text) for name, text in payload.get("since", {}).items()}
    return _Look(payload.get("declared", {}), since, int(payload.get("after", 0)))


def _after(events: Sequence[Event], since: Mapping[str, datetime], before: int) -> int:
    """The last sequence number that no later look needs."""
    earliest = min(since.values(), default=None)
    for event in events:
        if earliest is None or event.at >= earliest:
            return before
        before = event.seq
    return before
