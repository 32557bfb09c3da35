"""Commands: logs hold add, list, release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.cli.logs_common import (
    EstateOption,
    HostOption,
    JsonOption,
    SourceOption,
    day_of,
    open_logs,
)
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.ledger.port import Ledger

_Reason = Annotated[str, typer.Option("--reason", help=tr("Why; goes into the ledger."))]
_Case = Annotated[str, typer.Argument(metavar="CASE", help=tr("The case the hold belongs to."))]


def register_holds(group: typer.Typer) -> None:
    """Add the commands of this module to ``group``."""
    group.command("add", help=tr("Keep logs from being deleted while a case is open."))(_hold_add)
    group.command("list", help=tr("List legal holds."))(_hold_list)
    group.command("release", help=tr("Release the holds of a case."))(_hold_release)


def _hold_add(
    case: _Case,
    estate: EstateOption,
    reason: _Reason,
    host: HostOption = None,
    source: SourceOption = None,
    start: Annotated[str | None, typer.Option("--from", help=tr("First day of lines."))] = None,
    end: Annotated[str | None, typer.Option("--to", help=tr("Last day of lines."))] = None,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.show import as_json
    from opsbook.domains.logs.retain import holds
    from opsbook.domains.logs.retain.retention import Hold

    store = open_logs(estate, host)
    wanted = Hold(0, case, host, source, day_of(start), day_of(end))
    entry = holds.add(store, _ledger(), wanted, reason, _user())
    if to_json:
        as_json(entry.to_json())
        return
    print(tr("Hold {number} of the case {case} is in force.", number=entry.hold.number, case=case))


def _hold_list(
    estate: EstateOption,
    every: Annotated[bool, typer.Option("--all", help=tr("Released ones, too."))] = False,
    to_json: JsonOption = False,
) -> None:
    from opsbook.cli.show import listing
    from opsbook.domains.logs.retain import holds

    rows = [
        entry.to_json()
        for entry in holds.entries(open_logs(estate))
        if every or not entry.released_at
    ]  # fmt: skip
    headings = [("number", tr("number")), ("case", tr("case")), ("host", tr("host")),
                ("source", tr("source")), ("from", tr("from")), ("to", tr("to")),
                ("added_by", tr("added by")), ("added_at", tr("added at")),
                ("released_at", tr("released at")), ("reason", tr("reason"))]  # fmt: skip
    listing(rows, headings, to_json=to_json)


def _hold_release(
    case: _Case, estate: EstateOption, reason: _Reason, to_json: JsonOption = False
) -> None:  # fmt: skip
    from opsbook.cli.show import as_json
    from opsbook.domains.logs.retain import holds

    released = holds.release(open_logs(estate), _ledger(), case, reason, _user())
    if to_json:
        as_json([entry.to_json() for entry in released])
        return
    print(tr("Released holds of the case {case}: {number}.", number=len(released), case=case))


def _ledger() -> Ledger:
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    return open_ledger(Places.from_env(), SystemClock())


def _user() -> str:
    import os

    from opsbook.model.places import account

    return account(os.getuid())
