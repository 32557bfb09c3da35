"""A plan gets its number: the first event of every change, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.ledger.port import Ledger
from opsbook.ledger.witness import testify
from opsbook.lifecycle.conduct.carrying import day_of
from opsbook.model.canonical import digest
from opsbook.model.estate import Estate
from opsbook.model.event import NewEvent
from opsbook.model.message import Message


@dataclass(frozen=True, slots=True)
class Planned:
    """``change`` is empty when no host would change: then nothing was numbered and recorded."""

    change: str
    plan: Mapping[str, Any]
    problems: Sequence[Message] = ()


def keep_plan(
    content: Mapping[str, Any], estate: Estate, ledger: Ledger, who: Mapping[str, Any], at: datetime
) -> Planned:
    """Write the plan ``content``, asked for by ``who`` at ``at``, into the ledger under a new
    number, signed and told to witnesses; ``problems`` are of those that did not hear.
    """
    made: dict[str, Any] = {}

    def opening(number: str) -> list[NewEvent]:
        made.update(content, change=number, requested_by=dict(who))
        payload = {
            "plan": made,
            "plan_digest": digest(made),
            "directory": str(estate.directory.absolute()),
            "requested_by": dict(who),
        }
        return [NewEvent("change.planned", estate.name, number, payload=payload)]

    number = ledger.open_change(day_of(estate, at), opening)
    return Planned(number, made, testify(ledger.checkpoint(), estate.witnesses))
