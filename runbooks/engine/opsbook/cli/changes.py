"""Commands: changes list, stats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import EstateOption, JsonOption
from opsbook.text import tr

if TYPE_CHECKING:
    from datetime import datetime

    from opsbook.ledger.reading import Reader
    from opsbook.model.estate import Estate

_From = Annotated[
    str | None, typer.Option("--from", metavar="DAY", help=tr("First day, or a moment, or 7d."))
]
_To = Annotated[
    str | None,
    typer.Option("--to", metavar="DAY", help=tr("Last day, or a moment; now if left out.")),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(help=tr("Changes: what there are, and statistics."), no_args_is_help=True)
    group.command("list", help=tr("List changes, the newest first."))(_list)
    group.command("stats", help=tr("Count the changes of a span of time."))(_stats)
    app.add_typer(group, name="changes")


def _list(
    estate: Annotated[
        str | None, typer.Option("-e", "--estate", help=tr("Only this estate."))
    ] = None,
    first: _From = None,
    last: _To = None,
    state: Annotated[str | None, typer.Option("--state", help=tr("Only in this state."))] = None,
    number: Annotated[int, typer.Option("-n", min=1, help=tr("At most so many."))] = 50,
    to_json: JsonOption = False,
) -> None:
    from itertools import islice

    from opsbook.cli.show import listing
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.model.places import Places

    declared = load_estate(estate, Places.from_env()) if estate else None
    start, end = _span(declared, first, last)
    with _reader() as reader:
        found = _changes(reader, declared.name if declared else "", start, end, _state(state))
        row = _row if to_json else _in_words
        rows = [row(dossier) for dossier in islice(found, number)]
    columns = [("change", tr("change")), ("planned", tr("planned")), ("state", tr("state")),
               ("class", tr("class")), ("runbook", tr("runbook")), ("hosts", tr("hosts")),
               ("requested_by", tr("requested by")), ("reason", tr("reason"))]  # fmt: skip
    listing(rows, columns, to_json=to_json)


def _in_words(dossier: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a dossier for people."""
    from zoneinfo import ZoneInfo

    from opsbook.documents.changes.telling import standing
    from opsbook.documents.labels import CLASSES
    from opsbook.documents.words import Words
    from opsbook.text import current

    words, row = Words(current(), ZoneInfo("UTC")), _row(dossier)
    local = dossier["planned"]["local"]
    return row | {
        "planned": f"{local[:10]} {local[11:16]} {local[-6:]}",
        "state": standing(dossier, words),
        "class": words.word(CLASSES, row["class"]),
    }


def _state(state: str | None) -> str:
    from opsbook.model.change import ChangeState
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    known = [str(each) for each in ChangeState]
    if state is not None and state not in known:
        raise UsageFault(
            msg("There is no state {state}; states are: {known}.",
                state=state, known=", ".join(known))
        )  # fmt: skip
    return state or ""


def _changes(
    reader: Reader, estate: str, start: datetime | None, end: datetime | None, state: str
) -> Iterator[dict[str, Any]]:
    """Dossiers as they stand now, the newest first, planned within the span."""
    from opsbook.ledger.listing import change_now
    from opsbook.model.clock import SystemClock

    now = SystemClock().now()
    planned = [
        event.run
        for event in reader.events(kinds=("change.planned",))
        if (not estate or event.estate == estate)
        and (start is None or event.at >= start)
        and (end is None or event.at < end)
    ]
    for change in reversed(planned):
        found = change_now(reader, change, now)
        if found is not None and (not state or found[0]["state"] == state):
            yield found[0]


def _row(dossier: Mapping[str, Any]) -> dict[str, Any]:
    plan = dossier["plan"]
    about = plan.get("runbook") or {}
    return {
        "change": dossier["change"],
        "planned": dossier["planned"]["utc"],
        "state": dossier["state"],
        "kind": dossier["kind"],
        "class": about.get("class") if dossier["kind"] == "runbook" else dossier["kind"],
        "runbook": about.get("name"),
        "hosts": len(plan.get("hosts") or ()),
        "undone": len(dossier["undone"]),
        "emergency": dossier["emergency"] is not None,
        "requested_by": (dossier["requested_by"] or {}).get("user"),
        "reason": plan.get("reason"),
    }


def _stats(
    estate: EstateOption, first: _From = None, last: _To = None, to_json: JsonOption = False
) -> None:
    from opsbook.cli.show import as_json
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.ledger.statistics import COUNTED, statistics
    from opsbook.model.places import Places

    declared = load_estate(estate, Places.from_env())
    start, end = _span(declared, first or "30d", last)
    assert start is not None
    assert end is not None
    with _reader() as reader:
        found = statistics(reader.events(kinds=COUNTED), start, end, declared.name)
    if to_json:
        as_json(found | {"timezone": declared.timezone})
        return
    for label, value in _told(found, declared):
        print(f"{label}  {value}")


def _told(found: Mapping[str, Any], estate: Estate) -> Iterator[tuple[str, str]]:
    """Labels of one width, and figures."""
    from opsbook.text.width import pad, width_of

    lines = list(_lines(found, estate))
    widest = max(width_of(label) for label, _ in lines)
    for label, value in lines:
        yield pad(label, widest), value


def _lines(found: Mapping[str, Any], estate: Estate) -> Iterator[tuple[str, str]]:
    from opsbook.calendars.wallclock import shown
    from opsbook.cli.words import word
    from opsbook.documents.changes.labels import STATES
    from opsbook.documents.labels import CLASSES
    from opsbook.model.clock import unstamp

    changes, runs, unapproved = found["changes"], found["runs"], found["unapproved"]
    spans = [shown(unstamp(found[name]), estate.zone) for name in ("from", "to")]
    yield tr("From"), spans[0]
    yield tr("To"), spans[1]
    yield tr("Changes"), str(changes["total"])
    for name, number in changes["by_class"].items():
        yield "  " + word(CLASSES, name), str(number)
    for name, number in changes["by_state"].items():
        yield "  " + word(STATES, name), str(number)
    yield tr("Undone on some hosts"), str(changes["partly_undone"])
    yield tr("Emergencies"), str(changes["emergency"])
    yield tr("Emergencies still to be reviewed"), str(changes["review_due"])
    yield tr("Runs under envelopes"), str(runs["under_envelope"])
    yield tr("Routine runs"), str(runs["routine"])
    yield tr("Refused attempts"), str(found["refused"])
    yield tr("Runs that changed hosts"), str(runs["changing"])
    yield tr("Of these without approval"), _share(unapproved)
    yield tr("Hosts planned for"), str(found["hosts"]["linked"])
    yield tr("Hosts changed"), str(found["hosts"]["changed"])


def _share(unapproved: Mapping[str, Any]) -> str:
    figure = tr("{number} ({share} %)", number=unapproved["number"],
                share=round(100 * unapproved["share"], 2))  # fmt: skip
    return " ".join([figure, *unapproved["runs"]])


def _span(
    estate: Estate | None, first: str | None, last: str | None
) -> tuple[datetime | None, datetime | None]:
    """From the first moment to before the last, in the estate's zone. Raises UsageFault."""
    from opsbook.model.clock import SystemClock
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    now = SystemClock().now()
    start = _moment(estate, first, now, end=False) if first else None
    end = _moment(estate, last, now, end=True) if last else now
    if start is not None and end <= start:
        raise UsageFault(msg("The span ends before it begins."))
    return start, end


def _moment(estate: Estate | None, text: str, now: datetime, *, end: bool) -> datetime:
    """A day means its first moment, or at the end of a span the one after its last."""
    from contextlib import suppress

    from opsbook.calendars.wallclock import instant
    from opsbook.cli.moments import moment_of
    from opsbook.model.calendar import day, local_end, local_moment

    if estate is not None:
        with suppress(ValueError):
            day(text)
            return instant(local_end(text) if end else local_moment(text), estate.zone)
    return moment_of(text, now, estate.zone if estate else None)


def _reader() -> Reader:
    from opsbook.ledger.listing import open_reader
    from opsbook.model.places import Places

    return open_reader(Places.from_env().ledger)
