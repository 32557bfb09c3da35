"""The proof on a page: what ties it to the ledger, and how a reader checks that alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.documents.labels import LABELS
from opsbook.documents.words import Words, table, text
from opsbook.model.message import msg


def proof(record: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    """Label and value of everything that proves the record."""
    ledger, own = table(record, "ledger"), table(record, "proof")
    parts = {
        "plan_digest": text(record.get("plan_digest")),
        "code_digest": text(record.get("code_digest")),
        "inventory_digest": text(record.get("inventory_digest")),
        "ledger_span": _span(ledger),
        "head": text(ledger.get("head")),
        "record_digest": text(own.get("digest"))
        or words.of(msg("not sealed: the run has not ended")),
        "checkpoint": _checkpoint(table(own, "checkpoint"), words),
    }
    for key, value in parts.items():
        if value:
            yield words.of(LABELS[key]), value


def checks(record: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    """What to type, and what it shows."""
    run = text(record.get("run"))
    yield (
        "opsbook records verify",
        words.of(msg("recomputes the whole chain and compares it with checkpoints and witnesses")),
    )
    yield (
        f"opsbook records export {run} --format json",
        words.of(msg("gives this record as canonical JSON (RFC 8785); its digest is the SHA-256 "
                     "of it without the field proof")),
    )  # fmt: skip


def _span(ledger: Mapping[str, Any]) -> str:
    first, last = text(ledger.get("first")), text(ledger.get("last"))
    return f"{first} – {last}" if first and last else ""


def _checkpoint(checkpoint: Mapping[str, Any], words: Words) -> str:
    if not checkpoint:
        return words.of(msg("none yet"))
    return words.of(
        msg("over event {seq}, {at}, key {key}", seq=text(checkpoint.get("seq")),
            at=words.moment(checkpoint.get("at")), key=text(checkpoint.get("key")))
    )  # fmt: skip
