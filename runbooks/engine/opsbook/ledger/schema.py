"""Which form of the database this opsbook reads and writes."""

from __future__ import annotations

from pathlib import Path

from opsbook import __version__
from opsbook.model.errors import Refused
from opsbook.model.message import msg

SCHEMA = 1
"""The version of :mod:`opsbook.ledger.tables`; a database keeps its own in ``meta``."""


PENDING = "restore.pending"
"""Stands in the state directory while a restore exchanges files."""


def check_not_pending(root: Path) -> None:
    """Raises Refused while a restore into the state directory ``root`` is unfinished."""
    if (root / PENDING).exists():
        raise Refused(
            msg("A restore of {path} was interrupted.", path=root),
            untouched=msg("What it replaced lies in a directory replaced-... there."),
            next_step=msg("opsbook state restore FILE --replace"),
        )


def check_schema(schema: int, path: Path) -> None:
    """Raises Refused unless ``schema`` is the one this opsbook reads and writes."""
    if schema > SCHEMA:
        raise Refused(
            msg(
                "The ledger {path} was written by a newer opsbook (schema {schema}; this opsbook"
                " {version} knows {known}).",
                path=path, schema=schema, version=__version__, known=SCHEMA,
            ),
            untouched=msg("It was left untouched."),
            next_step=msg("Use that newer opsbook."),
        )  # fmt: skip
    if schema < SCHEMA:
        raise Refused(
            msg("The ledger {path} has the older schema {schema}.", path=path, schema=schema),
            untouched=msg("It was left untouched."),
            next_step=msg("opsbook state upgrade"),
        )
