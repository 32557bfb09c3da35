"""Fixed words that only faces show; ``--json`` keeps the values.

Those of plans and records are in :mod:`opsbook.documents.labels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opsbook.model.message import Message, msg
from opsbook.text import tr, translate

DAYS = {
    "daily": msg("daily"),
    "workdays": msg("on working days"),
    "weekly": msg("weekly"),
    "monthly": msg("monthly"),
}
DAY_KINDS = {
    "workday": msg("working day"),
    "shifted": msg("working day (shifted)"),
    "restday": msg("day of rest"),
    "holiday": msg("public holiday"),
}
TYPES = {
    "string": msg("string"),
    "integer": msg("integer"),
    "boolean": msg("boolean"),
    "duration": msg("duration"),
    "choice": msg("choice"),
}
TIERS = {
    "hot": msg("hot"),
    "archive": msg("archive"),
    "hot+archive": msg("hot+archive"),
    "deleted": msg("deleted"),
}
ACTIONS = {
    "archive": msg("archive it"),
    "delete_hot": msg("delete from the hot tier"),
    "delete_archive": msg("delete from the archive"),
    "hold": msg("keep, it is held"),
}

PHASES = {
    "apply": msg("at work"),
    "undo": msg("being brought back"),
    "examine": msg("being examined"),
    "verify": msg("being verified"),
    "collect": msg("collecting"),
    "retain": msg("retaining"),
}
SUBJECTS = {"control": msg("control"), "estate": msg("estate")}
HOST_STATES = {"running": msg("up"), "booting": msg("booting"), "stopped": msg("stopped")}
STATE_PARTS = {
    "state": msg("directory"),
    "ledger": msg("ledger"),
    "schema": msg("schema"),
    "created": msg("created"),
    "events": msg("events"),
    "last_event": msg("last event"),
    "head": msg("head"),
    "runs": msg("runs"),
    "last_checkpoint": msg("last checkpoint, after event"),
    "keys": msg("signing keys"),
    "ledger_bytes": msg("bytes of the ledger"),
    "logs_bytes": msg("bytes of logs, hot tier"),
    "archive_bytes": msg("bytes of logs, archive tier"),
}


def word(known: Mapping[str, Message], value: object) -> str:
    """``value`` in the language in use; one we do not know stays as it is."""
    return translate(known[str(value)]) if str(value) in known else str(value)


def listed(words: Iterable[str]) -> str:
    """``a, b, c``."""
    return tr(", ").join(words)


def labelled(name: str, value: str) -> str:
    """``name: value``."""
    return tr("{name}: {value}", name=name, value=value)


def noted(name: str, first: str, *more: str) -> str:
    """``name (note, note)``."""
    notes = first
    for note in more:
        notes = tr("{notes}, {note}", notes=notes, note=note)
    return tr("{name} ({notes})", name=name, notes=notes)
