"""A run that was refused before it began: it has a number and a record, but no execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.execution.declared.declarations import load_runbook
from opsbook.ledger.port import Ledger
from opsbook.ledger.witness import testify
from opsbook.lifecycle.conduct.carrying import day_of
from opsbook.model.errors import OpsbookError
from opsbook.model.estate import Estate
from opsbook.model.event import NewEvent
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg


@dataclass(frozen=True, slots=True)
class Recorded:
    """The refused run's number; ``untouched`` tells of it, and of a witness that did not hear."""

    run: str
    untouched: Message


def record_refusal(
    estate: Estate,
    runbook: str,
    ledger: Ledger,
    at: datetime,
    who: Mapping[str, Any],
    problem: Message,
    code: Exit,
    *,
    change: str = "",
) -> Recorded:
    """Record and sign that ``who`` was refused, with the exit ``code``.

    A refusal under a ``change`` stands in its dossier too. Raises IntegrityFault, and writes
    nothing, when the ledger's tail is not sound: what is wrong there must not be written over.
    """
    ledger.check_tail()
    payload = {
        "problem": problem.to_json(),
        "requested_by": dict(who),
        "runbook": runbook,
        **_about(runbook),
        "timezone": estate.timezone,
        "exit": int(code),
    }

    def refused(run: str) -> list[NewEvent]:
        events = [NewEvent("run.refused", estate.name, run, payload=payload | {"change": change})]
        if change:
            told = {"run": run, "problem": payload["problem"], "by": dict(who)}
            events.append(NewEvent("change.refused", estate.name, change, payload=told))
        return events

    number = ledger.open_run(day_of(estate, at), refused)
    told = msg("No host was touched; the refusal is recorded as {run}.", run=number)
    for problem in testify(ledger.checkpoint(), estate.witnesses):
        told = msg("{reason} {more}", reason=told, more=problem)
    return Recorded(number, told)


def _about(runbook: str) -> dict[str, Any]:
    """Title and class, as far as the runbook can be read: a faulty one is refused on record too."""
    try:
        book = load_runbook(runbook)
    except OpsbookError:
        return {}
    return {"title": book.title.model_dump(), "class": str(book.class_)}
