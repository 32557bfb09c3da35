"""Commands: logs search, show, list, verify, completeness, retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.logs_common import (
    EstateOption,
    HostOption,
    JsonOption,
    SourceOption,
    day_of,
    open_logs,
    open_logs_and_anchors,
)
from opsbook.cli.logs_hold import register_holds
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.domains.logs.keep.store import DiskLogStore
    from opsbook.domains.logs.read.reader import Query


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
    register_holds(hold)
    group.add_typer(hold, name="hold", help=tr("Legal holds."))
    app.add_typer(group, name="logs", help=tr("Logs that were collected: read, check, retain."))


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


def _search(
    text: Annotated[str, typer.Argument(help=tr("The text, or with --regex the pattern."))],
    estate: EstateOption,
    host: HostOption = None,
    source: SourceOption = None,
    path: _Path = None,
    since: _Since = None,
    until: _Until = None,
    regex: Annotated[
        bool, typer.Option("--regex", help=tr("The text is a regular expression."))
    ] = False,
    number: _Number = None,
    to_json: JsonOption = False,
) -> int:
    from opsbook.domains.logs.read.reader import Query

    store = open_logs(estate, host)
    start, end = _between(store, since, until)
    query = Query(host, source, path, start, end, text, regex)
    found = _print_hits(store, query, number, to_json=to_json, named=True)
    return 0 if found or to_json else _say_nothing()


def _show(
    estate: EstateOption,
    host: Annotated[str, typer.Option("--host", help=tr("The host."))],
    source: SourceOption = None,
    path: _Path = None,
    since: _Since = None,
    until: _Until = None,
    number: _Number = None,
    to_json: JsonOption = False,
) -> int:
    from opsbook.domains.logs.read.reader import Query

    store = open_logs(estate, host)
    start, end = _between(store, since, until)
    query = Query(host, source, path, start, end)
    found = _print_hits(store, query, number, to_json=to_json, named=False)
    return 0 if found or to_json else _say_nothing()


def _list(
    estate: EstateOption,
    host: HostOption = None,
    source: SourceOption = None,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.show import listing
    from opsbook.cli.words import TIERS, listed, word
    from opsbook.domains.logs.read.listing import kept_days

    rows = [
        row
        for row in kept_days(open_logs(estate, host), host)
        if source in (None, row["source"])
    ]  # fmt: skip
    if not to_json:
        shown = ((row, word(TIERS, row["tier"]), listed(row["cases"])) for row in rows)
        rows = [row | {"tier": tier, "cases": cases} for row, tier, cases in shown]
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


def _verify(estate: EstateOption, host: HostOption = None, to_json: JsonOption = False) -> int:
    from dataclasses import asdict

    from opsbook.cli.show import as_json
    from opsbook.domains.logs.keep.audit import audit
    from opsbook.model.exits import Exit
    from opsbook.text import translate

    store, anchors = open_logs_and_anchors(estate, host)
    found = audit(store, anchors, host)
    if to_json:
        as_json(asdict(found) | {"fault": found.fault.to_json() if found.fault else None})
    elif found.fault:
        print(translate(found.fault))
    else:
        print(
            tr("{hosts} hosts, {days} days, {files} files, {frames} frames, {bytes} bytes: all as"
               " the manifests say; {anchored} days also as the ledger recorded.",
               hosts=found.hosts, days=found.days, files=found.files, frames=found.frames,
               bytes=found.raw_bytes, anchored=found.anchored)
        )  # fmt: skip
    return Exit.FAULT if found.fault else Exit.DONE


def _completeness(
    estate: EstateOption,
    day: Annotated[
        str | None, typer.Option("--date", help=tr("This day; without it, the last seven."))
    ] = None,
    host: HostOption = None,
    to_json: JsonOption = False,
) -> None:
    from datetime import timedelta

    from opsbook.cli.logs_page import print_daily
    from opsbook.cli.show import as_json
    from opsbook.domains.logs.read.daily import daily

    store = open_logs(estate, host)
    today = store.clock.now().astimezone(store.estate.zone).date()
    last = day_of(day) or today
    first = last if day else today - timedelta(days=7)
    found = list(daily(store, first, last, host))
    if to_json:
        as_json([each.to_json() for each in found])
    else:
        print_daily(found)


def _retention(
    estate: EstateOption,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=tr("Only show; this is all this command does."))
    ] = True,
    host: HostOption = None,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.show import listing
    from opsbook.cli.words import ACTIONS, listed, word
    from opsbook.domains.logs.retain.due import may_delete, preview, step_json
    from opsbook.text import translate

    store = open_logs(estate, host)
    now = store.clock.now()
    deleting, warning = may_delete(store, now, remember=False)
    steps = preview(store, host, now, deleting=deleting)
    rows = [{"action": str(step.action)} | step_json(step) for step in steps]
    if to_json:
        listing(rows, [], to_json=True)
        return
    if warning:
        print(translate(warning))
    shown = ((row, word(ACTIONS, row["action"]), listed(row["cases"])) for row in rows)
    rows = [row | {"action": action, "cases": cases} for row, action, cases in shown]
    headings = [("action", tr("action")), ("host", tr("host")), ("day", tr("day")),
                ("file", tr("file")), ("length", tr("stored bytes")),
                ("cases", tr("held by"))]  # fmt: skip
    listing(rows, headings, to_json=False)
    print(tr("Nothing was changed. To do this: opsbook run log_retention -e {estate}",
             estate=estate))  # fmt: skip


def _print_hits(
    store: DiskLogStore, query: Query, number: int | None, *, to_json: bool, named: bool
) -> int:
    from itertools import islice

    from opsbook.cli.logs_page import print_hits
    from opsbook.domains.logs.read.reader import read

    hits = islice(read(store, query), number)
    return print_hits(hits, store.estate.zone, to_json=to_json, named=named)


def _say_nothing() -> int:
    import sys

    print(tr("No kept line matches."), file=sys.stderr)
    return 0


def _between(store: DiskLogStore, since: str | None, until: str | None) -> tuple[Any, Any]:
    from opsbook.cli.moments import moment_of

    now, zone = store.clock.now(), store.estate.zone
    start = moment_of(since, now, zone) if since else None
    return start, moment_of(until, now, zone) if until else None
