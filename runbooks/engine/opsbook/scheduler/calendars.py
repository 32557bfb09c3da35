"""Which days are working days. A port: holidays and make-up days come from another source later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from opsbook.model.estate import Estate

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Calendar(Protocol):
    """Port: the working days of an estate."""

    def is_workday(self, day: date) -> bool:
        """Whether people work in the estate's offices on ``day`` (a date in its time zone)."""
        ...


@dataclass(frozen=True, slots=True)
class WorkWeek:
    """The same days every week; ``days`` counts from Monday, 0."""

    days: frozenset[int]

    def is_workday(self, day: date) -> bool:
        """Whether ``day`` falls on one of the week's working days."""
        return day.weekday() in self.days


def calendar_of(estate: Estate) -> WorkWeek:
    """The calendar that ``estate.yml`` declares."""
    return WorkWeek(frozenset(WEEK.index(day) for day in estate.calendar.work_days))
