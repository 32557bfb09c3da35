"""The state before and after a change, from the evidence of its hosts, equal hosts told once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.documents.blocks import Part
from opsbook.documents.changes.broughtback import BACK_KEYS, brought_back
from opsbook.documents.changes.hardened import HARDENING_KEYS, hardened
from opsbook.documents.changes.patched import patched
from opsbook.documents.words import Words, rows, table, text


def before_and_after(record: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """What the evidence of hosts tells of a change, by the writer of its kind."""
    hosts: list[tuple[str, Mapping[str, Any]]] = [
        (text(host.get("name")), {**table(host, "undone", "evidence"), **table(host, "evidence")})
        for host in rows(record.get("hosts"))
        if isinstance(host, Mapping)
    ]
    for keys, writer in _WRITERS.items():
        told = [(name, evidence) for name, evidence in hosts if keys & evidence.keys()]
        if told:
            yield from writer(told, words)


_WRITERS = {frozenset({"patching"}): patched, HARDENING_KEYS: hardened, BACK_KEYS: brought_back}

CHANGE_KEYS = frozenset({"actual"}).union(*_WRITERS)
"""What work that changes hosts tells and pages show (also actual.py)."""
