"""The days of an estate: who works when, and what nothing may be changed in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from opsbook.model.base import Bilingual
from opsbook.model.calendar import HolidayYear, day
from opsbook.model.message import Message, msg

ONE_DAY = timedelta(days=1)


class DayKind(StrEnum):
    """What kind of day it is for the people of the estate."""

    WORKDAY = "workday"
    SHIFTED = "shifted"
    RESTDAY = "restday"
    HOLIDAY = "holiday"

    @property
    def works(self) -> bool:
        """Whether people work on it."""
        return self in (DayKind.WORKDAY, DayKind.SHIFTED)


class FreezeKind(StrEnum):
    """Where a freeze comes from."""

    HOLIDAY = "holiday"
    SENSITIVE = "sensitive"
    FREEZE = "freeze"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True, order=True)
class Freeze:
    """From ``start`` to before ``end`` (UTC) nothing is changed. ``name`` is hostile text when
    it was imported.
    """

    start: datetime
    end: datetime
    name: str
    kind: FreezeKind = FreezeKind.FREEZE
    why: str | None = None

    def said(self) -> Message:
        """The freeze in words."""
        if self.why:
            return msg("{freeze} ({why})", freeze=self._named(), why=self.why)
        return self._named()

    def _named(self) -> Message:
        if self.kind is FreezeKind.HOLIDAY:
            return msg("the holiday {name}", name=self.name)
        if self.kind is FreezeKind.SENSITIVE:
            return msg("the sensitive days {name}", name=self.name)
        return msg("the freeze {name}", name=self.name)


@dataclass(frozen=True, slots=True)
class Calendars:
    """Everything that decides when work may be done on an estate.

    ``years`` are the years whose holidays are known; None when the estate keeps none.
    ``freezes`` are in order of their start. ``digest`` is over all of it.
    """

    zone: ZoneInfo
    work_days: frozenset[int]
    years: Mapping[int, HolidayYear] | None = None
    freezes: tuple[Freeze, ...] = ()
    digest: str = ""
    _holidays: Mapping[date, Bilingual] = field(init=False, repr=False, compare=False)
    _shifted: frozenset[date] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = list((self.years or {}).values())
        shifted = frozenset(day(text) for year in known for text in year.workdays)
        object.__setattr__(self, "_holidays", dict(_holidays(known)))
        object.__setattr__(self, "_shifted", shifted)

    def kind_of(self, on: date) -> DayKind:
        """What kind of day ``on`` (a date in the estate's zone) is."""
        if on in self._shifted:
            return DayKind.SHIFTED
        if on in self._holidays:
            return DayKind.HOLIDAY
        return DayKind.WORKDAY if on.weekday() in self.work_days else DayKind.RESTDAY

    def holiday(self, on: date) -> Bilingual | None:
        """The public holiday on that day."""
        return self._holidays.get(on)

    def is_workday(self, on: date) -> bool:
        """Whether people work on that day; shifted workdays count, public holidays do not."""
        return self.kind_of(on).works

    def knows(self, year: int) -> bool:
        """Whether the holidays of that year are known, or the estate keeps none."""
        return self.years is None or year in self.years

    def frozen(self, at: datetime) -> Freeze | None:
        """The freeze that holds at ``at``; of several, the one that lasts longest."""
        holding = [freeze for freeze in self.freezes if freeze.start <= at < freeze.end]
        return max(holding, key=lambda freeze: freeze.end, default=None)

    def next_freeze(self, after: datetime) -> Freeze | None:
        """The freeze that begins first after ``after``."""
        return next((freeze for freeze in self.freezes if freeze.start > after), None)

    def unknown_years(self, first: datetime, last: datetime) -> list[int]:
        """The years of that span (in the estate's zone) whose holidays are not known."""
        years = range(first.astimezone(self.zone).year, last.astimezone(self.zone).year + 1)
        return [year for year in years if not self.knows(year)]


def _holidays(years: Iterable[HolidayYear]) -> Iterable[tuple[date, Bilingual]]:
    for year in years:
        for holiday in year.holidays:
            on, last = day(holiday.from_), day(holiday.to)
            while on <= last:
                yield on, holiday.name
                on += ONE_DAY
