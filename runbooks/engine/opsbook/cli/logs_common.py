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


def open_logs(estate: str, host: str | None = None) -> DiskLogStore:
    """The log store of an estate given by name or path.

    Raises UsageFault when ``host`` is given and neither in the inventory nor in the store.
    """
    from opsbook.domains.logs.keep.store import open_store
    from opsbook.domains.logs.read.hosts import must_exist
    from opsbook.execution.declared.declarations import load_estate
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    places = Places.from_env()
    store = open_store(load_estate(estate, places), places, SystemClock())
    must_exist(store, places, host)
    return store


def open_logs_and_anchors(estate: str, host: str | None) -> tuple[DiskLogStore, Anchors]:
    """The log store of an estate, and what the ledger recorded of its nights.

    Raises UsageFault when ``host`` is given and nothing knows it.
    """
    from opsbook.domains.logs.keep.anchors import anchors_of
    from opsbook.domains.logs.read.hosts import must_exist
    from opsbook.ledger.store import open_ledger
    from opsbook.model.clock import SystemClock
    from opsbook.model.places import Places

    store, places = open_logs(estate), Places.from_env()
    anchors = anchors_of(open_ledger(places, SystemClock()), store.estate.name)
    if host not in {name for name, _ in anchors}:
        must_exist(store, places, host)
    return store, anchors


def day_of(text: str | None) -> date | None:
    """A day as typed; None when none is given. Raises UsageFault."""
    from opsbook.model.errors import UsageFault
    from opsbook.model.message import msg

    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageFault(msg("{day} is no day; write 2026-11-21.", day=text)) from error
