"""Reading the dossiers of changes from the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opsbook.ledger.changes import project_change
from opsbook.ledger.port import Story
from opsbook.model.canonical import digest
from opsbook.model.errors import IntegrityFault, UsageFault
from opsbook.model.message import msg


def read_dossier(ledger: Story, number: str) -> dict[str, Any]:
    """The dossier of change ``number``.

    Raises UsageFault when there is none, IntegrityFault when its plan is not the one that its
    digest was made of.
    """
    dossier = project_change(ledger.events(run=number)) if number else None
    if dossier is None:
        raise UsageFault(
            msg("There is no change {change}.", change=number),
            next_step=msg("opsbook changes list shows the changes."),
        )
    if digest(dossier["plan"]) != dossier["plan_digest"]:
        raise IntegrityFault(msg("The plan of {change} does not match its digest.", change=number))
    return dossier


def drafted(ledger: Story, kind: str, estate: str = "") -> Iterator[dict[str, Any]]:
    """Dossiers of all changes of a kind, oldest first; only of that estate where given."""
    for event in ledger.events(kinds=("change.planned",)):
        plan = (event.payload or {}).get("plan") or {}
        if plan.get("kind") == kind and estate in ("", event.estate):
            yield read_dossier(ledger, event.run)


def once_stood(ledger: Story, kind: str, estate: str) -> Iterator[dict[str, Any]]:
    """Dossiers of all changes of a kind that stand or stood once, oldest first.

    Whole plans are read of these alone: a ledger may hold thousands of others.
    """
    for event in ledger.events(kinds=("change.approved",)):
        if event.estate == estate and (event.payload or {}).get("kind") == kind:
            yield read_dossier(ledger, event.run)
