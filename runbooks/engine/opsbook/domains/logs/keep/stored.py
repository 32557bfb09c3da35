"""Stored files and pieces as the catalogue knows them, and where their bytes are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from opsbook.domains.logs.keep.layout import Tier
from opsbook.domains.logs.keep.seal import Frame
from opsbook.model.clock import unstamp


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One stored file. ``hot`` is here, leaving or gone; ``archive`` may also be absent."""

    host: str
    day: str
    name: str
    source: str
    run: str
    length: int
    sha256: str
    hot: str
    archive: str

    def path(self, hot: Tier, archive: Tier) -> Path | None:
        """A tier's copy that can be read; None when it was deleted."""
        if self.hot == "here":
            return hot.file(self.host, self.day, self.name)
        if self.archive == "here":
            return archive.file(self.host, self.day, self.name)
        return None


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """One piece: a span of raw bytes of a stream and where it lies in ``file``."""

    file: StoredFile
    offset: int
    frames: tuple[Frame, ...]
    stream: int
    path: bytes
    encoding: str
    timezone: str
    sensitivity: str
    start: int
    raw_length: int
    raw_sha256: str
    stored_sha256: str
    lines: int
    earliest: int | None
    latest: int | None
    cut_line: bool
    collected: datetime

    @property
    def end(self) -> int:
        """Raw offset after its last byte."""
        return self.start + self.raw_length

    def framed(self) -> Iterator[tuple[int, Frame]]:
        """Its frames and where each begins in the file."""
        at = self.offset
        for frame in self.frames:
            yield at, frame
            at += frame.length


def hosts(db: sqlite3.Connection) -> list[str]:
    """The hosts of which a night was committed, in the order of their names."""
    return [row["host"] for row in db.execute("SELECT DISTINCT host FROM days ORDER BY host")]


def files(
    db: sqlite3.Connection, *, host: str | None = None, day: str | None = None
) -> list[StoredFile]:
    """Stored files by host, day and name."""
    where, values = narrowed({"host": host, "day": day})
    rows = db.execute(
        "SELECT host, day, name, source, run, length, sha256, hot, archive FROM files"  # noqa: S608
        f" {where} ORDER BY host, day, name",
        values,
    )
    return [StoredFile(*row) for row in rows]


def zones(db: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """The time zone of every host and day."""
    rows = db.execute("SELECT host, day, timezone FROM days")
    return {(row["host"], row["day"]): row["timezone"] for row in rows}


def line_minutes(
    db: sqlite3.Connection, host: str | None
) -> dict[tuple[str, str, str], tuple[int | None, int | None]]:
    """By host, day and file the first and last minute of its lines, where any is known."""
    where, values = narrowed({"host": host})
    rows = db.execute(
        "SELECT host, day, file, min(earliest) AS first, max(latest) AS last FROM pieces"  # noqa: S608
        f" {where} GROUP BY host, day, file",
        values,
    )
    return {(r["host"], r["day"], r["file"]): (r["first"], r["last"]) for r in rows}


def sizes(db: sqlite3.Connection) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Raw bytes and lines by host, day and source."""
    rows = db.execute(
        "SELECT host, day, source, sum(raw_length) AS raw_bytes, sum(lines) AS lines"
        " FROM pieces GROUP BY host, day, source"
    )
    return {(r["host"], r["day"], r["source"]): (r["raw_bytes"], r["lines"]) for r in rows}


def spans(
    db: sqlite3.Connection,
    *,
    host: str | None = None,
    source: str | None = None,
    day: str | None = None,
) -> list[StoredSpan]:
    """Stored pieces by host, source, stream and start."""
    where, values = narrowed({"pieces.host": host, "pieces.source": source, "pieces.day": day})
    rows = db.execute(
        "SELECT pieces.*, files.run, files.length AS file_length, files.sha256, files.hot,"  # noqa: S608
        " files.archive, nights.started_at FROM pieces"
        " JOIN files ON files.host = pieces.host AND files.day = pieces.day"
        " AND files.name = pieces.file"
        " JOIN nights ON nights.host = files.host AND nights.run = files.run"
        f" {where} ORDER BY pieces.host, pieces.source, pieces.stream, pieces.start",
        values,
    )
    return [_span(row) for row in rows]


def narrowed(values: dict[str, str | None]) -> tuple[str, list[str]]:
    """A WHERE clause of the columns (our own names) that have a value."""
    given = {column: value for column, value in values.items() if value is not None}
    clause = " AND ".join(f"{column} = ?" for column in given)
    return (f"WHERE {clause}" if clause else ""), list(given.values())


def _span(row: sqlite3.Row) -> StoredSpan:
    file = StoredFile(
        row["host"], row["day"], row["file"], row["source"], row["run"],
        row["file_length"], row["sha256"], row["hot"], row["archive"],
    )  # fmt: skip
    frames: Sequence[Sequence[int]] = json.loads(row["frames"])
    return StoredSpan(
        file=file,
        offset=row["offset"],
        frames=tuple(Frame(*frame) for frame in frames),
        stream=row["stream"],
        path=row["path"],
        encoding=row["encoding"],
        timezone=row["timezone"],
        sensitivity=row["sensitivity"],
        start=row["start"],
        raw_length=row["raw_length"],
        raw_sha256=row["raw_sha256"],
        stored_sha256=row["stored_sha256"],
        lines=row["lines"],
        earliest=row["earliest"],
        latest=row["latest"],
        cut_line=bool(row["cut_line"]),
        collected=unstamp(row["started_at"]),
    )
