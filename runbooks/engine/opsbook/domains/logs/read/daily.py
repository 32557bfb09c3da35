"""Completeness day by day, judged anew from the minutes that are known by now.

What a night's manifest says stays as it was that night; a line that came late counts here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from opsbook.domains.logs.keep import streams
from opsbook.domains.logs.keep.completeness import judge
from opsbook.domains.logs.keep.minutes import minute_of, moment_of
from opsbook.domains.logs.keep.store import DiskLogStore
from opsbook.domains.logs.model import Completeness


@dataclass(frozen=True, slots=True)
class Daily:
    """One source on one day of its time zone; ``found`` covers the part that was collected."""

    host: str
    day: date
    found: Completeness

    def to_json(self) -> dict[str, Any]:
        """As listed."""
        return {
            "host": self.host,
            "day": self.day.isoformat(),
            "source": self.found.source,
            "since": self.found.since.isoformat(),
            "until": self.found.until.isoformat(),
            "expected": self.found.expected,
            "have": self.found.have,
            "gaps": [list(gap) for gap in self.found.gaps],
        }


def daily(store: DiskLogStore, first: date, last: date, host: str | None = None) -> Iterator[Daily]:
    """Every source of ``host`` (or of all) on the days ``[first, last]``; days of which nothing
    has been collected are left out.
    """
    with store.catalogue.reading() as db:
        for row in streams.judged(db):
            if host not in (None, row["host"]):
                continue
            days = streams.minutes(db, row["host"], row["source"])
            zone = ZoneInfo(row["timezone"])
            day = max(first, moment_of(row["since"]).astimezone(zone).date())
            while day <= min(last, moment_of(row["until"]).astimezone(zone).date()):
                since = max(row["since"], _midnight(day, zone))
                until = min(row["until"], _midnight(day + timedelta(days=1), zone))
                if since < until:
                    found = judge(row["source"], days, since, until, row["every"], zone)
                    yield Daily(row["host"], day, found)
                day += timedelta(days=1)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return minute_of(datetime.combine(day, time(), zone))
