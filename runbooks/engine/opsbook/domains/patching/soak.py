"""Whether a version is old enough. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opsbook.domains.patching.seen import Seen
from opsbook.model.clock import stamp


@dataclass(frozen=True, slots=True)
class Soak:
    """How a version stands to the soak time, with its proof: the event that first told of it.

    ``overridden`` are the CVE ids for whose sake it need not wait.
    """

    days: int
    since: datetime
    event: int
    ready: datetime
    done: bool
    overridden: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether it may be installed."""
        return self.done or bool(self.overridden)

    def to_json(self) -> dict[str, Any]:
        """As kept in plans."""
        return {
            "days": self.days,
            "first_seen": stamp(self.since),
            "event": self.event,
            "ready": stamp(self.ready),
            "done": self.done,
            "overridden": list(self.overridden),
        }


def age(seen: Seen, now: datetime) -> timedelta:
    """How long it has been known at ``now``; never less than nothing."""
    return max(timedelta(0), now - seen.since)


def soak(
    seen: Seen, now: datetime, days: int, cves: Iterable[str], override: Iterable[str]
) -> Soak:
    """How ``seen`` stands at ``now`` to a soak time of ``days``."""
    wait = timedelta(days=days)
    overridden = tuple(sorted(set(cves) & set(override)))
    done = age(seen, now) >= wait
    return Soak(days, seen.since, seen.seq, seen.since + wait, done, () if done else overridden)
