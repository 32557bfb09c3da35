"""What ``estate.yml`` says of time: working time, days on which nothing changes, windows.

Times are on the wall clock of the estate. A span is written with days (``2026-09-28``, both ends
belong to it) or with moments (``2026-09-28T18:00``, the end does not belong to it).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from opsbook.model.base import Bilingual, Declared
from opsbook.model.faults import WrongValue
from opsbook.model.message import msg

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

WeekDay = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WindowDay = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "workday", "restday"]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_YEARS = range(1970, 2200)
_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"


def local_moment(text: str) -> datetime:
    """A day or a moment without an offset, as its first moment. Raises ValueError."""
    if _DAY.fullmatch(text) or _MOMENT.fullmatch(text):
        with suppress(ValueError):
            moment = datetime.fromisoformat(text)
            if moment.year in _YEARS:
                return moment
    raise WrongValue(
        msg("a day is written as 2026-10-01, a moment as 2026-10-01T18:00, not {value}", value=text)
    )


def local_end(text: str) -> datetime:
    """The first moment after the span that ends with ``text``. Raises ValueError."""
    end = local_moment(text)
    return end if "T" in text else end + timedelta(days=1)


def day(text: str) -> date:
    """A day written as ``2026-10-01``. Raises ValueError."""
    if "T" in text:
        raise WrongValue(msg("a day is written as 2026-10-01, not {value}", value=text))
    return local_moment(text).date()


def _is_moment(text: str) -> str:
    local_end(text)
    return text


def _is_day(text: str) -> str:
    day(text)
    return text


Moment = Annotated[str, AfterValidator(_is_moment)]
Day = Annotated[str, AfterValidator(_is_day)]
ClockTime = Annotated[str, Field(pattern=_CLOCK)]
Words = Annotated[str, Field(min_length=1, max_length=200)]


class Span(Declared):
    """A named stretch of time in which nothing is changed, and why."""

    name: Words
    from_: Moment = Field(alias="from")
    to: Moment
    why: Words | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if local_end(self.to) <= local_moment(self.from_):
            raise WrongValue(msg("{name} ends before it begins", name=self.name))
        return self


def _distinct(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans of one name may not overlap: one of them is a mistake."""
    for place, one in enumerate(spans):
        for other in spans[:place]:
            if one.name == other.name and _overlap(one, other):
                raise WrongValue(
                    msg("{name} is written more than once for the same time; make it one or "
                        "rename one", name=one.name)
                )  # fmt: skip
    return tuple(spans)


def _overlap(one: Span, other: Span) -> bool:
    begins = max(local_moment(one.from_), local_moment(other.from_))
    return begins < min(local_end(one.to), local_end(other.to))


Spans = Annotated[tuple[Span, ...], AfterValidator(_distinct)]


class Calendar(Declared):
    """The estate's working time, and when nothing is changed.

    ``holidays: china`` takes the public holidays and shifted workdays of the State Council's
    yearly notices; on the holidays nothing is changed unless ``freeze_on_holidays`` is false.
    ``imports`` are names of .ics files beside ``estate.yml``; every event in them is a freeze.
    """

    work_days: tuple[WeekDay, ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri"), strict=False
    )
    work_hours: Annotated[str, Field(pattern=r"^\d\d:\d\d-\d\d:\d\d$")] = "08:30-17:30"
    holidays: Literal["china", "none"] = "none"
    freeze_on_holidays: bool = True
    sensitive_days: Spans = Field(default=(), strict=False)
    freezes: Spans = Field(default=(), strict=False)
    imports: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*\.ics$")], ...] = (
        Field(default=(), strict=False)
    )


class Window(Declared):
    """When changes are made: on these days from one time to another, over midnight if need be.

    A day is a day of the week, ``workday`` or ``restday``; it is the day on which the window
    opens. ``to`` may be ``24:00``.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
    days: tuple[WindowDay, ...] = Field(min_length=1, strict=False)
    from_: ClockTime = Field(alias="from")
    to: Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if self.from_ == self.to:
            raise WrongValue(
                msg("a window from {start} to {end} never opens; a whole day is from 00:00 to "
                    "24:00", start=self.from_, end=self.to)
            )  # fmt: skip
        return self

    @property
    def opens(self) -> time:
        """Time of day at which it opens."""
        return time.fromisoformat(self.from_)

    @property
    def closes(self) -> time:
        """Time of day at which it closes; midnight is the end of the day."""
        return time() if self.to == "24:00" else time.fromisoformat(self.to)

    @property
    def over_midnight(self) -> bool:
        """Whether it closes on the day after."""
        return self.closes <= self.opens


def _named_once(windows: Sequence[Window]) -> tuple[Window, ...]:
    names = [window.name for window in windows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WrongValue(msg("windows named twice: {names}", names=", ".join(twice)))
    return tuple(windows)


Windows = Annotated[tuple[Window, ...], AfterValidator(_named_once)]


class Holiday(Declared):
    """A public holiday: all days of it, first and last included."""

    name: Bilingual
    from_: Day = Field(alias="from")
    to: Day

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if day(self.to) < day(self.from_):
            raise WrongValue(msg("{name} ends before it begins", name=self.name.zh))
        return self


class HolidayYear(Declared):
    """One year's notice: its holidays, and the days of rest on which people work instead."""

    year: int = Field(ge=1949, le=9999)
    source: str
    holidays: tuple[Holiday, ...] = Field(strict=False)
    workdays: tuple[Day, ...] = Field(default=(), strict=False)


class HolidayYears(Declared):
    """The file of holidays: ours, or ``holidays.yml`` of an estate, whose years win over ours."""

    schema_version: Literal[1] = Field(alias="schema")
    years: tuple[HolidayYear, ...] = Field(strict=False)
