"""Command: findings diff."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import EstateOption, JsonOption
from opsbook.model.message import msg
from opsbook.text import tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opsbook.domains.hardening.store.comparison import Compared
    from opsbook.domains.hardening.store.store import FindingStore
    from opsbook.model.estate import Estate

OUTCOMES = {
    "fixed": msg("fixed"),
    "remaining": msg("remaining"),
    "new": msg("new"),
    "not_comparable": msg("not comparable"),
}
WHY = {
    "content": msg("other content or scanner"),
    "profile": msg("other profile of the same content"),
    "credentials": msg("with fewer rights than before"),
    "version": msg("other version of the content"),
    "not_scanned": msg("the host is only in one of them"),
    "not_looked_at": msg("the later scan did not look at it"),
    "cut_off": msg("the later file could not be read whole"),
    "not_applicable": msg("does not apply any more, says the scanner"),
    "undecided": msg("the later scan could not decide"),
}
_AT_MOST = 200
_LEAST_PREFIX = 6


def register_in(group: typer.Typer) -> None:
    """Add the command of this module to ``group``."""
    group.command("diff", help=tr("Compare two imports, or now with a moment before."))(_diff)


def _diff(
    estate: EstateOption,
    before: Annotated[
        str | None,
        typer.Argument(metavar="A", help=tr("The earlier import: number, SHA-256 or file name.")),
    ] = None,
    after: Annotated[str | None, typer.Argument(metavar="B", help=tr("The later one."))] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help=tr("A day, a moment, or 7d."))
    ] = None,
    number: Annotated[int | None, typer.Option("-n", min=1, help=tr("At most so many."))] = None,
    to_json: JsonOption = False,
) -> None:
    from itertools import islice

    from opsbook.cli.findings_common import asked_estate, open_store

    asked = asked_estate(estate)
    store = open_store(asked)
    if to_json:
        from opsbook.cli.findings_asked import stream

        stream(map(_as_json, islice(_compared(store, asked.estate, before, after, since), number)))
        return
    _numbers(_compared(store, asked.estate, before, after, since))
    _listed(_compared(store, asked.estate, before, after, since), number or _AT_MOST)


def _compared(
    store: FindingStore, estate: Estate, before: str | None, after: str | None, since: str | None
) -> Iterator[Compared]:
    """Raises UsageFault unless either two imports or a moment are given."""
    from opsbook.cli.moments import moment_of
    from opsbook.model.clock import SystemClock
    from opsbook.model.errors import UsageFault

    if since is not None and before is None:
        then = moment_of(since, SystemClock().now(), estate.zone)
        return store.since(estate.name, then)
    if before is None or after is None or since is not None:
        raise UsageFault(
            msg("Give either two imports or --since."),
            next_step=msg("opsbook findings files -e {estate} lists the imports.",
                          estate=estate.name),
        )  # fmt: skip
    files = store.files(estate.name)
    numbers = [int(import_named(files, one, estate)["number"]) for one in (before, after)]
    return store.compared(*numbers)


def import_named(files: list[dict[str, Any]], name: str, estate: Estate) -> dict[str, Any]:
    """The import called ``name``, the newest if several are. Raises UsageFault."""
    from opsbook.model.errors import UsageFault

    for one in reversed(files):
        digest = len(name) >= _LEAST_PREFIX and one["sha256"].startswith(name.lower())
        if digest or name in (str(one["number"]), one["file"]):
            return dict(one)
    raise UsageFault(
        msg("There is no import {name} in estate {estate}.", name=name, estate=estate.name),
        next_step=msg("opsbook findings files -e {estate} lists the imports.", estate=estate.name),
    )


def _numbers(found: Iterable[Compared]) -> None:
    from opsbook.cli.words import labelled, word

    counts: Counter[tuple[str, str]] = Counter((one.outcome, one.why) for one in found)
    for outcome in OUTCOMES:
        total = sum(number for (kind, _), number in counts.items() if kind == outcome)
        print(labelled(word(OUTCOMES, outcome), f"{total:,}"))
        for why in WHY:
            if counts[outcome, why]:
                print("  " + labelled(word(WHY, why), f"{counts[outcome, why]:,}"))


def _listed(found: Iterable[Compared], most: int) -> None:
    """One line each, up to ``most``."""
    from opsbook.cli.findings_common import SEVERITIES
    from opsbook.cli.show import listing
    from opsbook.cli.words import word

    rows: list[dict[str, str]] = []
    more = 0
    for one in found:
        if len(rows) == most:
            more += 1
            continue
        rows.append(
            {
                "host": one.host,
                "outcome": word(OUTCOMES, one.outcome),
                "severity": word(SEVERITIES, one.severity),
                "key": one.key,
                "location": one.location,
                "why": word(WHY, one.why),
            }
        )
    if not rows:
        return
    print()
    columns = [("host", tr("host")), ("outcome", tr("outcome")), ("severity", tr("severity")),
               ("key", tr("finding")), ("location", tr("location")),
               ("why", tr("why"))]  # fmt: skip
    listing(rows, columns, to_json=False)
    if more:
        print(tr("These are {shown} of {total}; -n or --json gives more.", shown=len(rows),
                 total=f"{len(rows) + more:,}"))  # fmt: skip


def _as_json(one: Compared) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(one)
