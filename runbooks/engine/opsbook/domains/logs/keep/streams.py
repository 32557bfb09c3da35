"""Streams as they stand in the catalogue."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

from opsbook.domains.logs.keep.catalogue import to_json
from opsbook.domains.logs.keep.minutes import DAY_MINUTES
from opsbook.domains.logs.model import Stream, Window
from opsbook.model.clock import stamp, unstamp


@dataclass(frozen=True, slots=True)
class Kept:
    """A stream and the raw bytes behind its windows: at most HEAD and TAIL of them."""

    stream: Stream
    head: bytes
    tail: bytes


def load(db: sqlite3.Connection, host: str) -> dict[int, Kept]:
    """Every stream of ``host`` by its number."""
    rows = db.execute(
        "SELECT number, facts, head, tail FROM streams WHERE host = ? ORDER BY number", (host,)
    )
    return {row["number"]: Kept(_decode(row["facts"]), row["head"], row["tail"]) for row in rows}


def save(db: sqlite3.Connection, host: str, kept: Kept) -> None:
    """Insert or replace."""
    db.execute(
        "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?)",
        (host, kept.stream.number, _encode(kept.stream), kept.head, kept.tail),
    )


def _encode(stream: Stream) -> str:
    facts: dict[str, Any] = asdict(stream)
    facts["path"] = stream.path.hex()
    facts["last_line_at"] = stamp(stream.last_line_at) if stream.last_line_at else None
    return to_json(facts)


def _decode(text: str) -> Stream:
    facts: dict[str, Any] = json.loads(text)
    facts["path"] = bytes.fromhex(facts["path"])
    facts["packed"] = tuple(tuple(entry) for entry in facts["packed"])
    for name in ("head", "tail"):
        facts[name] = Window(**facts[name]) if facts[name] else None
    if facts["last_line_at"]:
        facts["last_line_at"] = unstamp(facts["last_line_at"])
    return Stream(**facts)


def add_minutes(db: sqlite3.Connection, host: str, source: str, days: dict[int, int]) -> None:
    """Add minutes to the bitmaps of a source: UTC day since 1970 -> 1,440 bits."""
    for day, bits in days.items():
        row = db.execute(
            "SELECT bits FROM minutes WHERE host = ? AND source = ? AND day = ?",
            (host, source, day),
        ).fetchone()
        known = int.from_bytes(row["bits"], "little") if row else 0
        db.execute(
            "INSERT OR REPLACE INTO minutes VALUES (?, ?, ?, ?)",
            (host, source, day, (known | bits).to_bytes(DAY_MINUTES // 8, "little")),
        )


def minutes(db: sqlite3.Connection, host: str, source: str) -> dict[int, int]:
    """The bitmaps of a source."""
    rows = db.execute("SELECT day, bits FROM minutes WHERE host = ? AND source = ?", (host, source))
    return {row["day"]: int.from_bytes(row["bits"], "little") for row in rows}


def first_minute(days: dict[int, int], otherwise: int) -> int:
    """The first minute of the bitmaps."""
    for day in sorted(days):
        if days[day]:
            return day * DAY_MINUTES + (days[day] & -days[day]).bit_length() - 1
    return otherwise


def judged(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """By host and source: ``since`` and ``until`` which minute it was judged, ``every`` how many
    minutes it was declared to write, in which ``timezone``.
    """
    return db.execute("SELECT * FROM judged ORDER BY host, source").fetchall()
