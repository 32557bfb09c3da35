"""Which stored files are archived, leave the hot tier, or are deleted: a pure plan.

1. A day that has ended is copied to the archive tier.
2. Its hot copy goes once the day ended ``hot_days`` ago and the archived copy is there.
3. Its archived copy goes once the day ended ``archive_days`` ago, the hot copy is gone, it was
   there before this retention began, and no legal hold covers it.

``archive_days`` is never less than the floor of the law and ``hot_days``, ``hot_days`` never
less than the floor of the contract, whatever the policy says. ``hot_days`` from a day's end means
whole 24 hours after the midnight that ends it in the estate's time zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from opsbook.domains.logs.keep.stored import StoredFile
from opsbook.model.estate import ARCHIVE_FLOOR_DAYS, HOT_FLOOR_DAYS


class Action(StrEnum):
    """What happens to one file."""

    ARCHIVE = "archive"
    DELETE_HOT = "delete_hot"
    DELETE_ARCHIVE = "delete_archive"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored file with the end of its day, and the days (of the estate) its lines may be of."""

    file: StoredFile
    ends: datetime
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold in force; None covers every host, every source, or has no limit in time."""

    number: int
    matter: str
    host: str | None = None
    source: str | None = None
    from_day: date | None = None
    to_day: date | None = None

    def covers(self, kept: Kept) -> bool:
        """Whether ``kept`` may hold lines this hold is about."""
        return (
            self.host in (None, kept.file.host)
            and self.source in (None, kept.file.source)
            and (self.from_day is None or kept.last_day >= self.from_day)
            and (self.to_day is None or kept.first_day <= self.to_day)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Days from a day's end, with the floors put under what the estate says."""

    hot_days: int
    archive_days: int

    @classmethod
    def floored(cls, hot_days: int, archive_days: int) -> Policy:
        """The policy that is followed, whatever is asked for."""
        hot = max(hot_days, HOT_FLOOR_DAYS)
        return cls(hot, max(archive_days, ARCHIVE_FLOOR_DAYS, hot))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; ``days`` is the rule's number, ``holds`` what forbids it."""

    action: Action
    kept: Kept
    days: int = 0
    holds: tuple[Hold, ...] = ()


def plan(
    kept: Iterable[Kept],
    holds: Sequence[Hold],
    now: datetime,
    *,
    hot_days: int,
    archive_days: int,
    deleting: bool = True,
) -> list[Step]:
    """What is due at ``now``. Without ``deleting`` only archiving is."""
    policy = Policy.floored(hot_days, archive_days)
    steps: list[Step] = []
    for each in kept:
        for step in _steps(each, holds, now, policy):
            if deleting or step.action is Action.ARCHIVE:
                steps.append(step)
    return steps


def _steps(kept: Kept, holds: Sequence[Hold], now: datetime, policy: Policy) -> Iterator[Step]:
    file, age = kept.file, now - kept.ends
    if file.hot == "here" and file.archive == "absent" and age >= timedelta():
        yield Step(Action.ARCHIVE, kept)
    if file.hot == "here" and age >= timedelta(days=policy.hot_days):
        yield Step(Action.DELETE_HOT, kept, policy.hot_days)
    if file.archive == "here" and age >= timedelta(days=policy.archive_days):
        against = tuple(hold for hold in holds if hold.covers(kept))
        action = Action.HOLD if against else Action.DELETE_ARCHIVE
        if against or file.hot == "gone":
            yield Step(action, kept, policy.archive_days, against)
