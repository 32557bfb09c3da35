"""Reading the dossier of a change from the ledger."""

from __future__ import annotations

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
