"""What an undo brought back on its hosts, from their evidence, equal hosts told once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.documents.blocks import Grid, Part
from opsbook.documents.changes.foreseen import few
from opsbook.documents.labels import LABELS
from opsbook.documents.words import Words, rows, table, text
from opsbook.model.message import Message, msg

BACK_KEYS = frozenset({"undone"})
"""What the undo of a role tells (``undoing.py`` of ``module_utils``)."""

_KINDS: dict[str, Message] = {
    "packages": msg("Package"),
    "conffiles": msg("Configuration file"),
    "files": msg("File"),
    "live": msg("Setting in effect"),
    "marks": msg("Hold or mark"),
    "services": msg("Service renewed"),
    "services_left": msg("Service that stands otherwise, left as it is"),
}


def brought_back(hosts: list[tuple[str, Mapping[str, Any]]], words: Words) -> Iterator[Part]:
    """A table of packages, files, settings and services that are as before the change."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, evidence in hosts:
        told = table(evidence, "undone")
        for key, kind in _KINDS.items():
            for part in rows(told.get(key)):
                groups.setdefault((words.of(kind), *_one(part, words)), []).append(name)
    lines = [[*same, few(names, words)] for same, names in groups.items()]
    headings = (msg("Kind"), msg("What"), msg("From → to"), LABELS["hosts"])
    if lines:
        yield Grid(words.of(msg("What was brought back")), [words.of(h) for h in headings], lines)


def _one(part: Any, words: Words) -> tuple[str, str]:
    """A package with its versions, or the name of anything else."""
    if not isinstance(part, Mapping):
        return words.said(part), "–"
    before, after = text(part.get("from")), text(part.get("to"))
    return text(part.get("package")), words.arrow("", before, after)
