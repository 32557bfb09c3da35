"""An estate's calendars from its files: ``estate.yml``, our list of holidays, ``holidays.yml`` and
imported .ics files beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from opsbook.calendars.days import ONE_DAY, Calendars, Freeze, FreezeKind
from opsbook.calendars.ics import read_ics
from opsbook.calendars.wallclock import instant, midnight
from opsbook.execution.declared.explain import check
from opsbook.execution.declared.yamlfile import Document, read_yaml
from opsbook.model.calendar import (
    WEEK,
    HolidayYear,
    HolidayYears,
    Span,
    day,
    local_end,
    local_moment,
)
from opsbook.model.canonical import digest
from opsbook.model.clock import stamp
from opsbook.model.errors import InputFault
from opsbook.model.estate import Estate
from opsbook.model.faults import Fault
from opsbook.model.message import msg

OWN_HOLIDAYS = "holidays.yml"
"""The estate's file of holidays, beside ``estate.yml``."""


def load_calendars(estate: Estate) -> Calendars:
    """Everything that decides when work may be done on ``estate``.

    Raises InputFault with every fault of the files that ``estate.yml`` leads to.
    """
    faults: list[Fault] = []
    years = _years(estate, faults)
    imported = [freeze for file in _imports(estate) for freeze in _import(file, estate, faults)]
    if faults:
        raise InputFault(
            msg("The calendars of estate {estate} are not right.", estate=estate.name),
            faults,
            untouched=msg("Nothing was touched."),
        )
    freezes = sorted([*_declared(estate), *_holidays(estate, years), *imported])
    work_days = frozenset(WEEK.index(name) for name in estate.calendar.work_days)
    known = None if estate.calendar.holidays == "none" else {year.year: year for year in years}
    content = _content(estate, years if known is not None else [], freezes)
    return Calendars(estate.zone, work_days, known, tuple(freezes), digest(content))


def calendar_faults(estate: Estate) -> list[Fault]:
    """What is wrong with the calendar files of ``estate``, for its check."""
    try:
        load_calendars(estate)
    except InputFault as error:
        return list(error.faults)
    return []


def _imports(estate: Estate) -> list[Path]:
    return [estate.directory / name for name in estate.calendar.imports]


def _import(file: Path, estate: Estate, faults: list[Fault]) -> list[Freeze]:
    try:
        return read_ics(file, estate.zone)
    except InputFault as error:
        faults += error.faults or [Fault(str(file), 0, "", error.problem)]
        return []


def _years(estate: Estate, faults: list[Fault]) -> list[HolidayYear]:
    """Our years, and in their place those of the estate's own file."""
    years = {year.year: year for year in _ours()} if estate.calendar.holidays == "china" else {}
    own = estate.directory / OWN_HOLIDAYS
    if estate.calendar.holidays == "china" and own.is_file():
        years |= {year.year: year for year in _own(own, faults)}
    return [years[year] for year in sorted(years)]


@cache
def _ours() -> tuple[HolidayYear, ...]:
    faults: list[Fault] = []
    found = _own(Path(__file__).with_name("china.yml"), faults)
    assert not faults, faults
    return tuple(found)


def _own(file: Path, faults: list[Fault]) -> list[HolidayYear]:
    try:
        document = read_yaml(file)
    except InputFault as error:
        faults += error.faults or [Fault(str(file), 0, "", error.problem)]
        return []
    found = check(HolidayYears, document)
    if found is not None:
        document.faults += _wrong_years(found, document)
    faults += document.faults
    return list(found.years) if found is not None else []


def _wrong_years(found: HolidayYears, document: Document) -> Iterator[Fault]:
    """A year written twice, and days that are not in the year they stand under."""
    seen: set[int] = set()
    for place, year in enumerate(found.years):
        if year.year in seen:
            problem = msg("{name} is named twice", name=year.year)
            yield document.fault(("years", place, "year"), problem)
        seen.add(year.year)
        for text in [*(part for h in year.holidays for part in (h.from_, h.to)), *year.workdays]:
            if abs(day(text).year - year.year) > 1:
                problem = msg("{day} is not a day of {year}", day=text, year=year.year)
                yield document.fault(("years", place), problem)


def _declared(estate: Estate) -> Iterator[Freeze]:
    calendar = estate.calendar
    kinds = ((FreezeKind.SENSITIVE, calendar.sensitive_days), (FreezeKind.FREEZE, calendar.freezes))
    for kind, spans in kinds:
        for span in spans:
            yield _freeze(estate, kind, span)


def _freeze(estate: Estate, kind: FreezeKind, span: Span) -> Freeze:
    start, end = local_moment(span.from_), local_end(span.to)
    zone = estate.zone
    return Freeze(instant(start, zone), instant(end, zone), span.name, kind, span.why)


def _holidays(estate: Estate, years: Iterable[HolidayYear]) -> Iterator[Freeze]:
    if not estate.calendar.freeze_on_holidays:
        return
    for year in years:
        for holiday in year.holidays:
            start = midnight(day(holiday.from_), estate.zone)
            end = midnight(day(holiday.to) + ONE_DAY, estate.zone)
            name = f"{holiday.name.zh} {holiday.name.en}"
            yield Freeze(start, end, name, FreezeKind.HOLIDAY)


def _content(estate: Estate, years: Iterable[HolidayYear], freezes: Iterable[Freeze]) -> Any:
    return {
        "timezone": estate.timezone,
        "work_days": list(estate.calendar.work_days),
        "holidays": estate.calendar.holidays,
        "years": [year.model_dump(mode="json", by_alias=True) for year in years],
        "freezes": [
            [stamp(f.start), stamp(f.end), f.name, str(f.kind), f.why or ""] for f in freezes
        ],
    }
