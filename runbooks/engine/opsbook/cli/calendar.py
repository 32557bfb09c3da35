"""Commands: calendar show, import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import EstateOption, JsonOption
from opsbook.text import tr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from opsbook.calendars.days import Calendars
    from opsbook.model.estate import Estate

_DAYS = 30


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        help=tr("Working days, holidays, freezes and windows of an estate."), no_args_is_help=True
    )
    group.command("show", help=tr("Show day by day when work may be done."))(_show)
    group.command("import", help=tr("Check an .ics file and put it beside estate.yml."))(_import)
    app.add_typer(group, name="calendar")


def _show(
    estate: EstateOption,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help=tr("First day; today if left out."))
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help=tr("Last day; 30 days if left out."))
    ] = None,
    to_json: JsonOption = False,
) -> None:
    import sys

    from opsbook.calendars.load import load_calendars
    from opsbook.cli.show import listing
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.model.places import Places

    declared = load_estate(estate, Places.from_env())
    calendars = load_calendars(declared)
    begin, end = _days_asked(declared, first, last)
    rows = [_row(declared, calendars, on, to_json=to_json) for on in _between(begin, end)]
    columns = [("day", tr("day")), ("weekday", tr("day of the week")), ("kind", tr("kind")),
               ("holiday", tr("holiday")), ("freezes", tr("freezes")),
               ("windows", tr("windows"))]  # fmt: skip
    listing(rows, columns, to_json=to_json)
    for year in range(begin.year, end.year + 1):
        if not calendars.knows(year):
            print(tr("The public holidays of {year} are not known; put them in holidays.yml.",
                     year=year), file=sys.stderr)  # fmt: skip


def _days_asked(estate: Estate, first: str | None, last: str | None) -> tuple[date, date]:
    """The span asked for, at most ten years. Raises UsageFault."""
    from datetime import timedelta

    from opsbook.model.calendar import day
    from opsbook.model.clock import SystemClock
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    try:
        begin = day(first) if first else SystemClock().now().astimezone(estate.zone).date()
        end = day(last) if last else begin + timedelta(days=_DAYS - 1)
    except ValueError as error:
        raise UsageFault(msg("A day is written as 2026-10-01.")) from error
    if not begin <= end <= begin + timedelta(days=3660):
        raise UsageFault(msg("The last day comes before the first, or is years away."))
    return begin, end


def _between(begin: date, end: date) -> Iterator[date]:
    from datetime import timedelta

    for number in range((end - begin).days + 1):
        yield begin + timedelta(days=number)


def _row(estate: Estate, calendars: Calendars, on: date, *, to_json: bool) -> dict[str, Any]:
    from opsbook.calendars.days import ONE_DAY
    from opsbook.calendars.wallclock import midnight
    from opsbook.calendars.windows import falls_on
    from opsbook.cli.words import DAY_KINDS, word
    from opsbook.documents.changes.labels import DAYS
    from opsbook.model.calendar import WEEK
    from opsbook.text import current, translate

    start, end = midnight(on, estate.zone), midnight(on + ONE_DAY, estate.zone)
    kind, weekday, holiday = calendars.kind_of(on), WEEK[on.weekday()], calendars.holiday(on)
    freezes = [freeze for freeze in calendars.freezes if freeze.start < end and freeze.end > start]
    windows = [window for window in estate.windows if falls_on(window, calendars, on)]
    opens = [{"name": w.name, "from": w.from_, "to": w.to} for w in windows]
    row: dict[str, Any] = {"day": on.isoformat(), "weekday": weekday, "kind": str(kind)}
    row["holiday"] = holiday.in_language(current()) if holiday else None
    if to_json:
        return row | {"freezes": [_freeze(freeze) for freeze in freezes], "windows": opens}
    return row | {
        "weekday": word(DAYS, weekday),
        "kind": word(DAY_KINDS, kind),
        "freezes": tr("; ").join(translate(freeze.said()) for freeze in freezes),
        "windows": " ".join(f"{w.name} {w.from_}-{w.to}" for w in windows),
    }


def _freeze(freeze: Any) -> dict[str, Any]:
    from opsbook.model.clock import stamp

    return {
        "name": freeze.name,
        "kind": str(freeze.kind),
        "why": freeze.why,
        "from": stamp(freeze.start),
        "to": stamp(freeze.end),
    }


def _import(
    file: Annotated[Path, typer.Argument(metavar="FILE.ics", help=tr("The calendar."))],
    estate: EstateOption,
    to_json: JsonOption = False,
) -> None:
    from opsbook.calendars.importing import import_ics
    from opsbook.cli.show import as_json
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.model.places import Places

    declared = load_estate(estate, Places.from_env())
    place, freezes = import_ics(file, declared)
    if to_json:
        as_json({"file": str(place), "freezes": [_freeze(freeze) for freeze in freezes]})
        return
    print(tr("Freezes in {file}: {count}.", file=place, count=len(freezes)))
    if place.name not in declared.calendar.imports:
        print(tr("Next: add {name} to imports under calendar in estate.yml.", name=place.name))
