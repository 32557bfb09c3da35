"""Commands: logs search, show, list, verify, completeness, retention, hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.domains.logs.reader import Query
    from opsbook.domains.logs.store import DiskLogStore
    from opsbook.ledger.port import Ledger


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(no_args_is_help=True)
    group.command("search", help=tr("Find lines with a text in the kept logs."))(_search)
    group.command("show", help=tr("Show the kept lines of a host."))(_show)
    group.command("list", help=tr("List what is kept: days, sources, sizes, tiers, holds."))(_list)
    group.command("verify", help=tr("Check every kept frame, every manifest and the chain."))(
        _verify
    )
    group.command("completeness", help=tr("Minutes expected and present, day by day."))(
        _completeness
    )
    group.command("retention", help=tr("Show what retention would archive and delete now."))(
        _retention
    )
    hold = typer.Typer(no_args_is_help=True)
    hold.command("add", help=tr("Keep logs from being deleted while a case is open."))(_hold_add)
    hold.command("list", help=tr("List legal holds."))(_hold_list)
    hold.command("release", help=tr("Release the holds of a case."))(_hold_release)
    group.add_typer(hold, name="hold", help=tr("Legal holds."))
    app.add_typer(group, name="logs", help=tr("Logs that were collected: read, check, retain."))


_Estate = Annotated[str, typer.Option("-e", "--estate", help=tr("The estate."))]
_Host = Annotated[str | None, typer.Option("--host", help=tr("Only this host."))]
_Source = Annotated[str | None, typer.Option("--source", help=tr("Only this source."))]
_Path = Annotated[
    str | None, typer.Option("--path", help=tr("Only this file of the host; * and ? match any."))
]
_Since = Annotated[
    str | None,
    typer.Option(
        "--since", help=tr("From 2026-11-21, 2026-11-21T08:00 (the estate's time), or 7d or 12h.")
    ),
]
_Until = Annotated[str | None, typer.Option("--until", help=tr("Before this time."))]
_Number = Annotated[
    int | None, typer.Option("-n", min=1, help=tr("At most so many lines; without it, all."))
]
_Json = Annotated[bool, typer.Option("--json", help=tr("Print JSON."))]
_Reason = Annotated[str, typer.Option("--reason", help=tr("Why; goes into the ledger."))]
_Case = Annotated[str, typer.Argument(metavar="CASE", help=tr("The case the hold belongs to."))]


def _search(
    text: Annotated[str, typer.Argument(help=tr("The text, or with --regex the pattern."))],
    estate: _Estate,
    host: _Host = None,
    source: _Source = None,
    path: _Path = None,
    since: _Since = None,
    until: _Until = None,
    regex: Annotated[
        bool, typer.Option("--regex", help=tr("The text is a regular expression."))
    ] = False,
    number: _Number = None,
    to_json: _Json = False,
) -> int:
    from opsbook.domains.logs.reader import Query

    store = _store(estate)
    start, end = _between(store, since, until)
    query = Query(host, source, path, start, end, text, regex)
    found = _print_hits(store, query, number, to_json=to_json, named=True)
    return 0 if found or to_json else _say_nothing()


def _show(
    estate: _Estate,
    host: Annotated[str, typer.Option("--host", help=tr("The host."))],
    source: _Source = None,
    path: _Path = None,
    since: _Since = None,
    until: _Until = None,
    number: _Number = None,
    to_json: _Json = False,
) -> int:
    from opsbook.domains.logs.reader import Query

    store = _store(estate)
    start, end = _between(store, since, until)
    query = Query(host, source, path, start, end)
    found = _print_hits(store, query, number, to_json=to_json, named=False)
    return 0 if found or to_json else _say_nothing()


def _list(
    estate: _Estate, host: _Host = None, source: _Source = None, to_json: _Json = False
) -> None:
    from opsbook.cli.show import listing
    from opsbook.domains.logs.listing import kept_days

    rows = [
        row
        for row in kept_days(_store(estate), host)
        if source in (None, row["source"])
    ]  # fmt: skip
    if not to_json:
        rows = [row | {"cases": ", ".join(row["cases"])} for row in rows]
    headings = [
        ("host", tr("host")),
        ("day", tr("day")),
        ("source", tr("source")),
        ("lines", tr("lines")),
        ("raw_bytes", tr("bytes")),
        ("stored_bytes", tr("stored bytes")),
        ("tier", tr("tier")),
        ("cases", tr("held by")),
    ]
    listing(rows, headings, to_json=to_json)


def _verify(estate: _Estate, host: _Host = None, to_json: _Json = False) -> int:
    from dataclasses import asdict

    from opsbook.cli.show import as_json
    from opsbook.domains.logs.audit import audit
    from opsbook.model.exits import Exit
    from opsbook.text import translate

    found = audit(_store(estate), host)
    if to_json:
        as_json(asdict(found) | {"fault": found.fault.to_json() if found.fault else None})
    elif found.fault:
        print(translate(found.fault))
    else:
        print(
            tr("{hosts} hosts, {days} days, {files} files, {frames} frames, {bytes} bytes: all as"
               " the manifests say.", hosts=found.hosts, days=found.days, files=found.files,
               frames=found.frames, bytes=found.raw_bytes)
        )  # fmt: skip
    return Exit.FAULT if found.fault else Exit.DONE


def _completeness(
    estate: _Estate,
    day: Annotated[
        str | None, typer.Option("--date", help=tr("This day; without it, the last seven."))
    ] = None,
    host: _Host = None,
    to_json: _Json = False,
) -> None:
    from datetime import timedelta

    from opsbook.cli.logs_page import print_daily
    from opsbook.cli.show import as_json
    from opsbook.domains.logs.daily import daily

    store = _store(estate)
    today = store.clock.now().astimezone(store.estate.zone).date()
    last = _day(day) or today
    first = last if day else today - timedelta(days=7)
    found = list(daily(store, first, last, host))
    if to_json:
        as_json([each.to_json() for each in found])
    else:
        print_daily(found)


def _retention(
    estate: _Estate,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=tr("Only show; this is all this command does."))
    ] = True,
    host: _Host = None,
    to_json: _Json = False,
) -> None:
    from opsbook.cli.show import listing
    from opsbook.domains.logs.retain_work import may_delete, preview, step_json
    from opsbook.text import translate

    store = _store(estate)
    now = store.clock.now()
    deleting, warning = may_delete(store, now, remember=False)
    steps = preview(store, host, now, deleting=deleting)
    rows = [{"action": str(step.action)} | step_json(step) for step in steps]
    if to_json:
        listing(rows, [], to_json=True)
        return
    if warning:
        print(translate(warning))
    rows = [row | {"cases": ", ".join(row["cases"])} for row in rows]
    headings = [("action", tr("action")), ("host", tr("host")), ("day", tr("day")),
                ("file", tr("file")), ("length", tr("stored bytes")),
                ("cases", tr("held by"))]  # fmt: skip
    listing(rows, headings, to_json=False)
    print(tr("Nothing was changed. To do this: opsbook run log_retention -e {estate}",
             estate=estate))  # fmt: skip


def _hold_add(
    case: _Case,
    estate: _Estate,
    reason: _Reason,
    host: _Host = None,
    source: _Source = None,
    start: Annotated[str | None, typer.Option("--from", help=tr("First day of lines."))] = None,
    end: Annotated[str | None, typer.Option("--to", help=tr("Last day of lines."))] = None,
    to_json: _Json = False,
) -> None:
    from opsbook.cli.show import as_json
    from opsbook.domains.logs import holds
    from opsbook.domains.logs.retention import Hold

    store = _store(estate)
    wanted = Hold(0, case, host, source, _day(start), _day(end))
    entry = holds.add(store, _ledger(), wanted, reason, _user())
    if to_json:
        as_json(entry.to_json())
        return
    print(tr("Hold {number} of the case {case} is in force.", number=entry.hold.number, case=case))


def _hold_list(
    estate: _Estate,
    every: Annotated[bool, typer.Option("--all", help=tr("Released ones, too."))] = False,
    to_json: _Json = False,
) -> None:
    from opsbook.cli.show import listing
    from opsbook.domains.logs import holds

    rows = [
        entry.to_json()
        for entry in holds.entries(_store(estate))
        if every or not entry.released_at
    ]  # fmt: skip
    headings = [("number", tr("number")), ("case", tr("case")), ("host", tr("host")),
                ("source", tr("source")), ("from", tr("from")), ("to", tr("to")),
                ("added_by", tr("added by")), ("added_at", tr("added at")),
                ("released_at", tr("released at")), ("reason", tr("reason"))]  # fmt: skip
    listing(rows, headings, to_json=to_json)


def _hold_release(
    case: _Case, estate: _Estate, reason: _Reason, to_json: _Json = False
) -> None:  # fmt: skip
    from opsbook.cli.show import as_json
    from opsbook.domains.logs import holds

    released = holds.release(_store(estate), _ledger(), case, reason, _user())
    if to_json:
        as_json([entry.to_json() for entry in released])
        return
    print(tr("Released {number} holds of the case {case}.", number=len(released), case=case))


def _print_hits(
    store: DiskLogStore, query: Query, number: int | None, *, to_json: bool, named: bool
) -> int:
    from itertools import islice

    from opsbook.cli.logs_page import print_hits
    from opsbook.domains.logs.reader import read

    hits = islice(read(store, query), number)
    return print_hits(hits, store.estate.zone, to_json=to_json, named=named)


def _say_nothing() -> int:
    import sys

    print(tr("No kept line matches."), file=sys.stderr)
    return 0


def _store(estate: str) -> DiskLogStore:
    from opsbook.domains.logs.store import open_store
    from opsbook.execution.declarations import load_estate
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places = Places.from_env()
    return open_store(load_estate(estate, places), places, SystemClock())


def _ledger() -> Ledger:
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    return open_ledger(Places.from_env(), SystemClock())


def _between(store: DiskLogStore, since: str | None, until: str | None) -> tuple[Any, Any]:
    from opsbook.cli.moments import moment_of

    now, zone = store.clock.now(), store.estate.zone
    start = moment_of(since, now, zone) if since else None
    return start, moment_of(until, now, zone) if until else None


def _day(text: str | None) -> Any:
    from datetime import date

    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageFault(msg("{day} is no day; write 2026-11-21.", day=text)) from error


def _user() -> str:
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
