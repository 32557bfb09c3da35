"""Command: findings forget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsbook.cli.options import EstateOption, JsonOption
from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.model.errors import UsageFault
    from opsbook.model.estate import Estate

_LEAST_PREFIX = 6


def register_in(group: typer.Typer) -> None:
    """Add the command of this module to ``group``."""
    group.command("forget", help=tr("Take an import out of the store again."))(_forget)


def _forget(
    sha256: Annotated[
        str, typer.Argument(metavar="SHA256", help=tr("Of the imported file; how it begins."))
    ],
    estate: EstateOption,
    reason: Annotated[str, typer.Option("--reason", help=tr("Why."))],
    to_json: JsonOption = False,
) -> None:
    import os

    from opsbook.cli.findings_common import asked_estate, open_store
    from opsbook.cli.show import as_json
    from opsbook.cli.standing import needed_reason
    from opsbook.domains.hardening.store.database import Database
    from opsbook.domains.hardening.store.forgetting import forget
    from opsbook.execution.requester import requester
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock

    asked, why = asked_estate(estate), needed_reason(reason)
    one = _imported(open_store(asked).files(asked.estate.name), sha256, asked.estate)
    by = requester("terminal", None, os.environ)
    ledger = open_ledger(asked.places, SystemClock())
    database = Database(asked.places.findings)
    told = forget(database, asked.estate.name, one["sha256"], why, by, ledger)
    if told is None:
        raise _nothing(sha256, asked.estate)
    if to_json:
        as_json(told)
        return
    print(tr("{file} is forgotten; open findings: {new} more, {closed} fewer.", file=told["file"],
             new=told["findings"]["new"], closed=told["findings"]["closed"]))  # fmt: skip


def _imported(files: list[dict[str, Any]], digest: str, estate: Estate) -> dict[str, Any]:
    """The only import whose digest begins with ``digest``. Raises UsageFault."""
    found = [one for one in files if one["sha256"].startswith(digest.lower())]
    if len(digest) < _LEAST_PREFIX or len(found) != 1:
        raise _nothing(digest, estate)
    return found[0]


def _nothing(digest: str, estate: Estate) -> UsageFault:
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    return UsageFault(
        msg("There is no single import of estate {estate} whose SHA-256 begins with {digest}.",
            estate=estate.name, digest=digest),
        untouched=msg("Nothing was forgotten."),
        next_step=msg("opsbook findings files -e {estate} --json tells them in full.",
                      estate=estate.name),
    )  # fmt: skip
