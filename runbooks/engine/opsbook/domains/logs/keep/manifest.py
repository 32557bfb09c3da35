"""``manifest.json``: everything the store knows about one host and day, as canonical JSON.

It is a pure function of the catalogue, so it can be made again after a crash, and a changed
manifest or a changed catalogue shows when both are compared. Each names its predecessor and
that one's SHA-256: a day that is changed, removed or put in later breaks the chain.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from typing import Any

from opsbook.model.canonical import canonical

NAME = "manifest.json"
FORMAT = "opsbook.logs.manifest/1"


def escaped(path: bytes) -> str:
    r"""A file name of any bytes as text: ``\`` doubled, bytes that are not UTF-8 as ``\xNN``."""
    return path.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def render(db: sqlite3.Connection, host: str, day: str) -> bytes:
    """The manifest of ``host`` and ``day`` as the catalogue has it."""
    estate = db.execute("SELECT value FROM about WHERE key = 'estate'").fetchone()["value"]
    row = db.execute("SELECT * FROM days WHERE host = ? AND day = ?", (host, day)).fetchone()
    previous = None
    if row["previous_day"]:
        previous = {"day": row["previous_day"], "sha256": row["previous_sha256"]}
    return canonical(
        {
            "format": FORMAT,
            "estate": estate,
            "timezone": row["timezone"],
            "host": host,
            "day": day,
            "previous": previous,
            "nights": _nights(db, host, day),
            "files": _files(db, host, day),
            "pieces": [piece_json(piece) for piece in _pieces(db, host, day)],
        }
    )


def digest(manifest: bytes) -> str:
    """SHA-256 (hex) of a manifest's bytes, as the next day's manifest names it."""
    return hashlib.sha256(manifest).hexdigest()


def _nights(db: sqlite3.Connection, host: str, day: str) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT run, started_at, committed_at, facts FROM nights WHERE host = ? AND day = ?"
        " ORDER BY committed_at, run",
        (host, day),
    )
    return [
        {
            "run": row["run"],
            "started_at": row["started_at"],
            "committed_at": row["committed_at"],
            **json.loads(row["facts"]),
        }
        for row in rows
    ]


def _files(db: sqlite3.Connection, host: str, day: str) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT name, length, sha256 FROM files WHERE host = ? AND day = ? ORDER BY name",
        (host, day),
    )
    return [dict(row) for row in rows]


def _pieces(db: sqlite3.Connection, host: str, day: str) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT * FROM pieces WHERE host = ? AND day = ? ORDER BY file, offset", (host, day)
    ).fetchall()


def piece_json(row: sqlite3.Row) -> dict[str, Any]:
    """One piece as it stands in a manifest."""
    frames, at = [], row["offset"]
    for length, raw_length in json.loads(row["frames"]):
        frames.append({"offset": at, "length": length, "raw_length": raw_length})
        at += length
    same = (
        "file", "offset", "length", "stored_sha256", "stream", "source", "encoding", "timezone",
        "sensitivity", "start", "raw_length", "raw_sha256", "lines", "first_line_at",
        "last_line_at",
    )  # fmt: skip
    return {name: row[name] for name in same} | {"path": escaped(row["path"]), "frames": frames}
