"""Bringing the database of an older opsbook to this one's schema, with a backup first."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, update

from opsbook.ledger import sqlite
from opsbook.ledger.process import share_state
from opsbook.ledger.reading import Reader
from opsbook.ledger.schema import SCHEMA, check_schema
from opsbook.ledger.tables import meta
from opsbook.model.clock import Clock, stamp
from opsbook.model.errors import Refused, UsageFault
from opsbook.model.message import msg
from opsbook.model.places import Places

Migration = Callable[[Connection], None]

MIGRATIONS: Mapping[int, Migration] = {}
"""From which schema a migration leads to the next one. Schema 1 is the first."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """From which schema to which; ``backup`` is None when nothing had to be done."""

    before: int
    after: int
    backup: Path | None


def upgrade(
    places: Places,
    clock: Clock,
    *,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    target: int = SCHEMA,
) -> Upgraded:
    """Migrate the ledger to schema ``target`` in one transaction; on any error it stays as it was.

    Raises Busy while any opsbook uses the state, Refused when the database is of a newer opsbook
    or no way leads from its schema.
    """
    if not places.ledger.is_file():
        raise UsageFault(msg("There is no ledger {path} yet.", path=places.ledger))
    lock = share_state(places.root, alone=True)
    try:
        with sqlite.explained(places.ledger):
            return _upgrade(places, clock, migrations, target)
    finally:
        os.close(lock)


def _upgrade(
    places: Places, clock: Clock, migrations: Mapping[int, Migration], target: int
) -> Upgraded:
    with Reader(places.ledger) as reader:
        before = reader.schema
    if before == target:
        return Upgraded(before, before, None)
    if before > target:
        check_schema(before, places.ledger)
    missing = [version for version in range(before, target) if version not in migrations]
    if missing:
        raise Refused(
            msg("No way leads from schema {schema} to {target}.", schema=before, target=target),
            untouched=msg("It was left untouched."),
        )
    moment = stamp(clock.now()).replace(":", "")
    backup = places.root / f"ledger-schema-{before}-{moment}.db"
    sqlite.copy(places.ledger, backup)
    engine = sqlite.engine(places.ledger)
    try:
        with engine.begin() as connection:
            for version in range(before, target):
                migrations[version](connection)
            row = update(meta).where(meta.c.name == "schema")
            connection.execute(row.values(value=str(target)))
    finally:
        engine.dispose()
    return Upgraded(before, target, backup)
