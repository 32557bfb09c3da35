"""Records on a terminal: the lines of a listing, one record as a page, a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opsbook.cli.words import word
from opsbook.documents.labels import STATES
from opsbook.model.message import Message
from opsbook.text import current, tr, translate

if TYPE_CHECKING:
    from opsbook.ledger.runs import RunLine
    from opsbook.ledger.verdict import Verdict


def columns() -> list[tuple[str, str]]:
    """Keys and headings of the listing of runs."""
    return [
        ("run", tr("Run")),
        ("estate", tr("Estate")),
        ("runbook", tr("Runbook")),
        ("state", tr("State")),
        ("exit", tr("Exit")),
        ("opened", tr("Opened")),
    ]


def row_of(line: RunLine, *, as_data: bool) -> dict[str, Any]:
    """A line of the listing: times in UTC and states as they are kept for ``--json``, times in
    this machine's zone and states in words for people.
    """
    from opsbook.documents.words import local
    from opsbook.ledger.chain import moment
    from opsbook.model.clock import stamp

    def shown(at: int | None) -> str | None:
        if at is None:
            return None
        return stamp(moment(at)) if as_data else local(moment(at).astimezone())

    return {
        "run": line.run,
        "estate": line.estate,
        "runbook": line.runbook,
        "state": line.state if as_data else word(STATES, line.state),
        "exit": line.exit,
        "opened": shown(line.opened),
        "closed": shown(line.closed),  # the record has it; a listing fits on a terminal
    }


def print_record(record: Mapping[str, Any]) -> None:
    """A record as a page: what matters first."""
    from opsbook.documents.record_page import record_page, words_of
    from opsbook.documents.terminal import columns, lay_out

    words = words_of(record, current())
    print(lay_out(record_page(record, words), words, columns()))


def print_change(dossier: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> None:
    """A change as a page, with the records of its runs."""
    from opsbook.documents import render_change

    print(render_change(dossier, records, "text", current()))  # type: ignore[arg-type]


def print_verdict(verdict: Verdict, unread: Sequence[Message]) -> None:
    """What a verification found, worst first."""
    if verdict.bad is not None:
        print(tr("FAULT: {problem}", problem=translate(verdict.bad.problem)))
        print(tr("{number} events before it are sound.", number=verdict.events))
    elif verdict.witnessed_to and verdict.level.value == "verified and witnessed":
        print(tr("Verified and witnessed: {number} events.", number=verdict.events))
    else:
        print(tr("Consistent, not witnessed: {number} events.", number=verdict.events))
    print(tr("Ledger {ledger}, head {head}", ledger=verdict.ledger, head=verdict.head))
    print(
        tr("Signed to event {signed} by {checkpoints} checkpoints; witnessed to event {witnessed};"
           " {pruned} payloads pruned.",
           signed=verdict.signed_to, checkpoints=verdict.checkpoints,
           witnessed=verdict.witnessed_to, pruned=verdict.pruned)
    )  # fmt: skip
    for note in (*verdict.notes, *unread):
        print(translate(note))
