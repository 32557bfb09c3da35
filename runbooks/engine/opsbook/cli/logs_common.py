"""What the commands of kept logs share: their options, the store, a day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.text import tr

if TYPE_CHECKING:
    from opsbook.domains.logs.keep.anchors import Anchors
    from opsbook.domains.logs.keep.store import DiskLogStore

EstateOption = Annotated[str, typer.Option("-e", "--estate", help=tr("The estate."))]
HostOption = Annotated[str | None, typer.Option("--host", help=tr("Only this host."))]
SourceOption = Annotated[str | None, typer.Option("--source", help=tr("Only this source."))]
JsonOption = Annotated[bool, typer.Option("--json", help=tr("Print JSON."))]


def open_logs(estate: str) -> DiskLogStore:
    """The log store of an estate given by name or path."""
    from opsbook.domains.logs.keep.store import open_store
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places = Places.from_env()
    return open_store(load_estate(estate, places), places, SystemClock())


def open_logs_and_anchors(estate: str) -> tuple[DiskLogStore, Anchors]:
    """The log store of an estate, and what the ledger recorded of its nights."""
    from opsbook.domains.logs.keep.anchors import anchors_of
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    store = open_logs(estate)
    ledger = open_ledger(Places.from_env(), SystemClock())
    return store, anchors_of(ledger, store.estate.name)


def day_of(text: str | None) -> date | None:
    """A day as typed; None when none is given. Raises UsageFault."""
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageFault(msg("{day} is no day; write 2026-11-21.", day=text)) from error
