"""Where copies of stored files are, what was deleted of them, and when that was last looked at:
the catalogue's statements for retention. Each wants an open transaction of the catalogue.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from opsbook.domains.logs.keep.catalogue import Row, to_json
from opsbook.model.clock import stamp, unstamp

TierName = Literal["hot", "archive"]
"""A tier, and the column of ``files`` that says whether a copy is there."""

_LEAVING = {
    "hot": "UPDATE files SET hot = 'leaving' WHERE host = ? AND day = ? AND name = ?",
    "archive": "UPDATE files SET archive = 'leaving' WHERE host = ? AND day = ? AND name = ?",
}
_GONE = {
    "hot": "UPDATE files SET hot = 'gone' WHERE host = ? AND day = ? AND name = ?",
    "archive": "UPDATE files SET archive = 'gone' WHERE host = ? AND day = ? AND name = ?",
}


def leaving(db: sqlite3.Connection, host: str) -> list[tuple[str, str, TierName]]:
    """Day, name and tier of copies that were about to be deleted when a crash came."""
    rows = db.execute(
        "SELECT day, name, hot, archive FROM files WHERE host = ? AND 'leaving' IN (hot, archive)",
        (host,),
    ).fetchall()
    tiers: tuple[TierName, ...] = ("hot", "archive")
    return [(row["day"], row["name"], tier) for row in rows for tier in tiers
            if row[tier] == "leaving"]  # fmt: skip


def mark_archived(db: sqlite3.Connection, host: str, day: str, names: Iterable[str]) -> None:
    """Whole copies of these files of a day are in the archive."""
    db.executemany(
        "UPDATE files SET archive = 'here' WHERE host = ? AND day = ? AND name = ?",
        [(host, day, name) for name in names],
    )


def mark_leaving(db: sqlite3.Connection, host: str, day: str, name: str, tier: TierName) -> None:
    """The copy in ``tier`` is about to be deleted."""
    db.execute(_LEAVING[tier], (host, day, name))


def mark_gone(db: sqlite3.Connection, host: str, day: str, name: str, tier: TierName) -> None:
    """The copy in ``tier`` was deleted."""
    db.execute(_GONE[tier], (host, day, name))


def day_row(db: sqlite3.Connection, host: str, day: str) -> Row:
    """``manifest_sha256`` and ``archived_at`` of a day."""
    row: Row = db.execute(
        "SELECT manifest_sha256, archived_at FROM days WHERE host = ? AND day = ?", (host, day)
    ).fetchone()
    return row


def mark_day_archived(
    db: sqlite3.Connection, host: str, day: str, at: str, sha256: str
) -> None:  # fmt: skip
    """The manifest of a day with that digest is in the archive."""
    db.execute(
        "UPDATE days SET archived_at = ?, archive_sha256 = ? WHERE host = ? AND day = ?",
        (at, sha256, host, day),
    )


def manifests_to_archive(db: sqlite3.Connection, host: str) -> list[tuple[str, str]]:
    """Day and time zone of days whose manifest, as it is now, is not in the archive."""
    rows = db.execute(
        "SELECT day, timezone FROM days WHERE host = ?"
        " AND archive_sha256 IS NOT manifest_sha256 ORDER BY day",
        (host,),
    )
    return [(row["day"], row["timezone"]) for row in rows]


def add_certificate(db: sqlite3.Connection, certificate: Mapping[str, Any]) -> None:
    """Keep a certificate of deletion until the ledger has it."""
    db.execute(
        "INSERT INTO deletions (host, day, tier, certificate) VALUES (?, ?, ?, ?)",
        (certificate["host"], certificate["day"], certificate["tier"], to_json(certificate)),
    )


def unreported(db: sqlite3.Connection, host: str) -> list[tuple[int, dict[str, Any]]]:
    """Certificates that are not in the ledger yet, with their numbers."""
    rows = db.execute(
        "SELECT id, certificate FROM deletions WHERE host = ? AND reported = 0 ORDER BY id",
        (host,),
    )
    return [(row["id"], json.loads(row["certificate"])) for row in rows]


def mark_reported(db: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """These certificates are durable in the ledger."""
    db.executemany("UPDATE deletions SET reported = 1 WHERE id = ?", [(n,) for n in numbers])


def forget_ended_streams(db: sqlite3.Connection, host: str) -> None:
    """Remove the raw bytes behind the windows of ended streams of which nothing is kept; the
    windows stay, so that an old file is still recognised.
    """
    db.execute(
        "UPDATE streams SET head = x'', tail = x'' WHERE host = ?"
        " AND json_extract(facts, '$.ended') AND (head <> x'' OR tail <> x'')"
        " AND NOT EXISTS (SELECT 1 FROM pieces JOIN files ON files.host = pieces.host"
        " AND files.day = pieces.day AND files.name = pieces.file"
        " WHERE pieces.host = streams.host AND pieces.stream = streams.number"
        " AND (files.hot = 'here' OR files.archive <> 'gone'))",
        (host,),
    )


def remembered(db: sqlite3.Connection) -> tuple[datetime | None, datetime | None]:
    """When retention ran last, and until when it waits with deleting."""
    rows = db.execute("SELECT key, value FROM about WHERE key LIKE 'retention_%'")
    about = {row["key"]: unstamp(row["value"]) for row in rows}
    return about.get("retention_last"), about.get("retention_wait")


def remember(db: sqlite3.Connection, last: datetime, wait: datetime) -> None:
    """See :func:`remembered`."""
    db.executemany(
        "INSERT OR REPLACE INTO about VALUES (?, ?)",
        [("retention_last", stamp(last)), ("retention_wait", stamp(wait))],
    )
