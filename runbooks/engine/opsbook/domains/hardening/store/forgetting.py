"""Taking an import out of the store again, as if its file had never been imported.

The ledger keeps what the import said, and is told that it was forgotten, by whom and why: before
the store lets go, so that the same command ends what was killed in between.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from opsbook.domains.hardening.store.database import Database
from opsbook.domains.hardening.store.importing import FORGOTTEN, TOUCHED, alone, report
from opsbook.domains.hardening.store.refresh import Difference, Subject, refresh
from opsbook.ledger.port import Ledger
from opsbook.model.event import NewEvent

_LET_GO = (
    "CREATE TEMP TABLE looks (id INTEGER PRIMARY KEY)",
    """INSERT INTO temp.looks
       SELECT s.id FROM seen s JOIN scans c ON c.id = s.scan WHERE c.file = :file""",
    "CREATE TEMP TABLE told (rule INTEGER PRIMARY KEY)",
    """INSERT INTO temp.told
       SELECT DISTINCT rule FROM sightings WHERE seen IN (SELECT id FROM temp.looks)""",
    "DELETE FROM sightings WHERE seen IN (SELECT id FROM temp.looks)",
    "DELETE FROM tallies WHERE seen IN (SELECT id FROM temp.looks)",
    "DELETE FROM seen WHERE id IN (SELECT id FROM temp.looks)",
    "DELETE FROM scans WHERE file = :file",
    "DELETE FROM unreadable WHERE file = :file",
    "DELETE FROM files WHERE id = :file",
)
_LEFT_OVER = (
    "DELETE FROM temp.told WHERE rule IN (SELECT rule FROM sightings)",
    "DELETE FROM rules WHERE id IN (SELECT rule FROM temp.told)",
    "DELETE FROM rule_keys WHERE rule IN (SELECT rule FROM temp.told)",
)
"""Texts of rules of which nothing else was told."""


def forget(
    database: Database, estate: str, sha256: str, reason: str, by: Mapping[str, Any], ledger: Ledger
) -> dict[str, Any] | None:
    """Take out the import of ``estate`` with this digest; the payload of its event, None where
    there is no such import. Findings become what the other imports say.

    Raises as :meth:`.importing.Intake.keep`.
    """
    if not database.exists:
        return None
    report(database, ledger)  # that it came is told before that it went
    with alone(database.path), database.writing() as db:
        row = db.execute(
            "SELECT id, told FROM files WHERE estate = ? AND sha256 = ?", (estate, sha256)
        ).fetchone()
        if row is None:
            return None
        told = json.loads(row[1])
        payload = {
            **{name: told[name] for name in ("estate", "file", "sha256", "bytes")},
            "findings": _removed(db, row[0])._asdict(),
            "reason": reason,
            "by": dict(by),
        }
        ledger.append([NewEvent(FORGOTTEN, estate=estate, payload=payload)])
    return payload


def _removed(db: sqlite3.Connection, file: int) -> Difference:
    """Everything that the import brought is taken away; what that makes of findings."""
    touched = db.execute(TOUCHED, (file,)).fetchall()
    for statement in _LET_GO:
        db.execute(statement, {"file": file})
    difference = Difference()
    for row in touched:
        difference = difference.plus(refresh(db, Subject(*row)))
    for statement in _LEFT_OVER:
        db.execute(statement)
    return difference
