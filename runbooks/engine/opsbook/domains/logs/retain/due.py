"""What retention finds due in a store, and whether the clock can be believed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from opsbook.domains.logs.keep import stored, tiering
from opsbook.domains.logs.keep.minutes import moment_of
from opsbook.domains.logs.keep.store import DiskLogStore
from opsbook.domains.logs.retain import holds
from opsbook.domains.logs.retain.retention import Kept, Step, plan
from opsbook.model.clock import stamp
from opsbook.model.message import Message, msg

LONG_PAUSE = timedelta(days=7)
"""After so long without retention the clock may be wrong: nothing is deleted at first."""

WAIT = timedelta(hours=20)
"""How long deleting waits then."""


def preview(
    store: DiskLogStore, host: str | None, now: datetime, *, deleting: bool = True
) -> list[Step]:
    """What retention would do now for ``host`` (or every host)."""
    policy = store.estate.policies.logs
    with store.catalogue.reading() as db:
        return plan(
            kept_files(db, host), holds.in_force(db), now,
            hot_days=policy.hot_days, archive_days=policy.archive_days, deleting=deleting,
        )  # fmt: skip


def may_delete(
    store: DiskLogStore, now: datetime, *, remember: bool
) -> tuple[bool, Message | None]:
    """Whether retention may delete at ``now``, or why not; ``remember`` that it ran.

    A clock that jumped years ahead would make everything due at once. After a long pause nothing
    is deleted for WAIT, so that people see the warning before anything is gone.
    """
    with store.catalogue.reading() as db:
        last, wait = (moment or now for moment in tiering.remembered(db))
    if abs(now - last) > LONG_PAUSE:
        wait = now + WAIT
    if remember:
        with store.catalogue.writing() as db:
            tiering.remember(db, now, wait)
    if now >= wait:
        return True, None
    return False, msg(
        "Retention ran last at {last}; in case the clock is wrong, nothing is deleted before"
        " {wait}.", last=stamp(last), wait=stamp(wait)
    )  # fmt: skip


def step_json(step: Step) -> dict[str, Any]:
    """A step as listed and as kept in evidence."""
    file = step.kept.file
    return {
        "host": file.host,
        "day": file.day,
        "file": file.name,
        "length": file.length,
        "days": step.days,
        "cases": sorted({hold.matter for hold in step.holds}),
    }


def day_end(day: str, timezone: str) -> datetime:
    """The midnight that ends ``day``, in UTC."""
    following = date.fromisoformat(day) + timedelta(days=1)
    return datetime.combine(following, time(), ZoneInfo(timezone)).astimezone(UTC)


def kept_files(
    db: sqlite3.Connection, host: str | None = None, *, deleted: bool = False
) -> list[Kept]:
    """Stored files of ``host`` (or of all); ``deleted`` ones only when asked for."""
    zones, ranges = stored.zones(db), stored.line_minutes(db, host)
    found = []
    for file in stored.files(db, host=host):
        if not deleted and file.hot == file.archive == "gone":
            continue
        zone = zones[file.host, file.day]
        day = date.fromisoformat(file.day)
        first, last = ranges.get((file.host, file.day, file.name), (None, None))
        first_day = _local(first, zone) if first is not None else day - timedelta(days=1)
        last_day = _local(last, zone) if last is not None else day
        found.append(Kept(file, day_end(file.day, zone), min(first_day, day), max(last_day, day)))
    return found


def _local(minute: int, zone: str) -> date:
    return moment_of(minute).astimezone(ZoneInfo(zone)).date()
