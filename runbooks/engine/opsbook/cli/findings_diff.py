"""Command: findings diff."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import EstateOption, JsonOption
from opsbook.documents.findingwords import OUTCOMES, REASONS, SEVERITIES
from opsbook.model.message import msg
from opsbook.text import tr

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from opsbook.domains.hardening.store.comparison import Compared
    from opsbook.domains.hardening.store.model import Acceptance
    from opsbook.domains.hardening.store.store import FindingStore
    from opsbook.model.estate import Estate

    Row = tuple[Compared, Acceptance | None]

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
    from opsbook.domains.hardening.waivers.register import open_register
    from opsbook.domains.hardening.waivers.view import accepting
    from opsbook.model.clock import SystemClock

    asked, now = asked_estate(estate), SystemClock().now()
    store = open_store(asked)
    waivers = open_register(asked.places, asked.estate, asked.inventory)

    compared = _compared(store, asked.estate, before, after, since, now)
    found = accepting(compared, waivers, now)
    if to_json:
        from opsbook.cli.findings_asked import stream

        stream(map(_as_json, islice(found, number)))
        return
    tally = _Tally()
    first = list(islice(map(tally.note, found), number or _AT_MOST))
    for one in found:
        tally.note(one)
    tally.say()
    _listed(first, asked.estate)
    if tally.total > len(first):
        print(tr("These are {shown} of {total}; -n or --json gives more.", shown=len(first),
                 total=f"{tally.total:,}"))  # fmt: skip


def _compared(
    store: FindingStore, estate: Estate, before: str | None, after: str | None, since: str | None,
    now: datetime,
) -> Iterator[Compared]:  # fmt: skip
    """Raises UsageFault unless either two imports or a moment are given."""
    from opsbook.cli.moments import moment_of
    from opsbook.model.errors import UsageFault

    if since is not None and before is None:
        then = moment_of(since, now, estate.zone)
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


class _Tally:
    """How many of each outcome, of those why, and how many of them are waived."""

    def __init__(self) -> None:
        self.total = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._waived: Counter[str] = Counter()

    def note(self, row: Row) -> Row:
        """Count ``row`` and give it back."""
        one, accepted = row
        self.total += 1
        self._counts[one.outcome, one.why] += 1
        self._waived[one.outcome] += accepted is not None
        return row

    def say(self) -> None:
        """Print the numbers."""
        from opsbook.cli.words import labelled, word

        for outcome in ("fixed", "remaining", "new", "not_comparable"):
            total = sum(number for (kind, _), number in self._counts.items() if kind == outcome)
            print(labelled(word(OUTCOMES, outcome), f"{total:,}"))
            for why in REASONS:
                if self._counts[outcome, why]:
                    print("  " + labelled(word(REASONS, why), f"{self._counts[outcome, why]:,}"))
            if self._waived[outcome]:
                print("  " + labelled(word(OUTCOMES, "waived"), f"{self._waived[outcome]:,}"))


def _listed(found: Sequence[Row], estate: Estate) -> None:
    """One line each."""
    from opsbook.cli.findings_asked import waiver_words
    from opsbook.cli.show import listing
    from opsbook.cli.words import word

    rows = [
        {
            "host": one.host,
            "outcome": word(OUTCOMES, one.outcome),
            "severity": word(SEVERITIES, one.severity),
            "key": one.key,
            "location": one.location,
            "why": word(REASONS, one.why),
            "waiver": waiver_words(accepted, estate),
        }
        for one, accepted in found
    ]
    if not rows:
        return
    print()
    columns = [("host", tr("host")), ("outcome", tr("outcome")), ("severity", tr("severity")),
               ("key", tr("finding")), ("location", tr("location")), ("why", tr("why")),
               ("waiver", tr("waiver"))]  # fmt: skip
    columns = [(name, heading) for name, heading in columns
               if name != "waiver" or any(row[name] for row in rows)]  # fmt: skip
    listing(rows, columns, to_json=False)


def _as_json(row: Row) -> dict[str, Any]:
    from dataclasses import asdict

    one, accepted = row
    return asdict(one) | {"waiver": accepted.change if accepted else None}
