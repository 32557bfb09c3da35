"""Rows of legal holds in the catalogue. Each function wants an open transaction of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from opsbook.domains.logs.keep.catalogue import Row


def hold_rows(db: sqlite3.Connection, *, in_force: bool = False) -> list[Row]:
    """Every hold there ever was, the oldest first; or only those that are not released."""
    if in_force:
        query = "SELECT * FROM holds WHERE released_at IS NULL ORDER BY id"
    else:
        query = "SELECT * FROM holds ORDER BY id"
    return db.execute(query).fetchall()


def add_hold(db: sqlite3.Connection, hold: Mapping[str, str | None]) -> Row:
    """Insert ``hold``, by the names of the columns; the row, with its number in ``id``."""
    number = db.execute(
        "INSERT INTO holds (matter, host, source, from_day, to_day, reason, added_by, added_at)"
        " VALUES (:matter, :host, :source, :from_day, :to_day, :reason, :added_by, :added_at)",
        hold,
    ).lastrowid
    row: Row = db.execute("SELECT * FROM holds WHERE id = ?", (number,)).fetchone()
    return row


def release_holds(
    db: sqlite3.Connection, numbers: Iterable[int], by: str, at: str, reason: str
) -> None:  # fmt: skip
    """Those of these holds that are in force are released."""
    db.executemany(
        "UPDATE holds SET released_by = ?, released_at = ?, release_reason = ?"
        " WHERE id = ? AND released_at IS NULL",
        [(by, at, reason, number) for number in numbers],
    )
