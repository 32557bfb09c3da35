"""The catalogue of one estate's log store: ``catalogue.db`` (SQLite, WAL, full sync).

It says what is kept: a file that is not in it does not count. Everything in it about one host
and day is also in that day's ``manifest.json``, which needs no opsbook to be read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opsbook.ledger.sqlite import BUSY_SECONDS, write_ahead
from opsbook.model.errors import Busy, HostRefused, InputFault, IntegrityFault, Refused
from opsbook.model.message import msg

Row = sqlite3.Row

SCHEMA = 1
_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHM")

UNTOUCHED = msg("What was stored before is untouched.")

_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- one per host and day with a committed night; written = 1 once manifest.json is durable
CREATE TABLE days (
    host TEXT NOT NULL, day TEXT NOT NULL, timezone TEXT NOT NULL,
    previous_day TEXT, previous_sha256 TEXT,
    manifest_sha256 TEXT NOT NULL, written INTEGER NOT NULL DEFAULT 0,
    archived_at TEXT, archive_sha256 TEXT,
    PRIMARY KEY (host, day)) WITHOUT ROWID;

CREATE TABLE nights (
    host TEXT NOT NULL, run TEXT NOT NULL, day TEXT NOT NULL,
    started_at TEXT NOT NULL, committed_at TEXT NOT NULL,
    facts TEXT NOT NULL,           -- losses, completeness, notes: as in the manifest
    result TEXT,                   -- NightResult as it was returned
    PRIMARY KEY (host, run)) WITHOUT ROWID;

-- hot: here, leaving, gone; archive: absent, here, leaving, gone
CREATE TABLE files (
    host TEXT NOT NULL, day TEXT NOT NULL, name TEXT NOT NULL,
    source TEXT NOT NULL, run TEXT NOT NULL, length INTEGER NOT NULL, sha256 TEXT NOT NULL,
    hot TEXT NOT NULL DEFAULT 'here', archive TEXT NOT NULL DEFAULT 'absent',
    PRIMARY KEY (host, day, name)) WITHOUT ROWID;

-- earliest, latest: minutes since 1970 between which its lines lie; cut_line = 1 when the last
-- line goes on in the stream's next piece
CREATE TABLE pieces (
    id INTEGER PRIMARY KEY, host TEXT NOT NULL, day TEXT NOT NULL, file TEXT NOT NULL,
    offset INTEGER NOT NULL, length INTEGER NOT NULL, stored_sha256 TEXT NOT NULL,
    frames TEXT NOT NULL,          -- [[stored length, raw length], ...]
    stream INTEGER NOT NULL, source TEXT NOT NULL, path BLOB NOT NULL,
    encoding TEXT NOT NULL, timezone TEXT NOT NULL, sensitivity TEXT NOT NULL,
    start INTEGER NOT NULL, raw_length INTEGER NOT NULL, raw_sha256 TEXT NOT NULL,
    lines INTEGER NOT NULL, first_line_at TEXT, last_line_at TEXT,
    earliest INTEGER, latest INTEGER, cut_line INTEGER NOT NULL);
CREATE INDEX pieces_of_day ON pieces (host, day, file, offset);
CREATE INDEX pieces_of_stream ON pieces (host, stream, start);

-- head and tail: the raw bytes behind the stream's windows
CREATE TABLE streams (
    host TEXT NOT NULL, number INTEGER NOT NULL, facts TEXT NOT NULL,
    head BLOB NOT NULL, tail BLOB NOT NULL,
    PRIMARY KEY (host, number)) WITHOUT ROWID;

-- bitmap of the 1,440 minutes of a UTC day (days since 1970), least significant bit first
CREATE TABLE minutes (
    host TEXT NOT NULL, source TEXT NOT NULL, day INTEGER NOT NULL, bits BLOB NOT NULL,
    PRIMARY KEY (host, source, day)) WITHOUT ROWID;

-- up to which minute (since 1970) a source was judged, and how it was declared
CREATE TABLE judged (
    host TEXT NOT NULL, source TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
    every INTEGER, timezone TEXT NOT NULL,
    PRIMARY KEY (host, source)) WITHOUT ROWID;

CREATE TABLE holds (
    id INTEGER PRIMARY KEY, matter TEXT NOT NULL, host TEXT, source TEXT,
    from_day TEXT, to_day TEXT, reason TEXT NOT NULL, added_by TEXT NOT NULL,
    added_at TEXT NOT NULL, released_by TEXT, released_at TEXT, release_reason TEXT);

-- what was deleted and why; reported = 1 once the certificate is in the ledger
CREATE TABLE deletions (
    id INTEGER PRIMARY KEY, host TEXT NOT NULL, day TEXT NOT NULL, tier TEXT NOT NULL,
    certificate TEXT NOT NULL, reported INTEGER NOT NULL DEFAULT 0);
"""


class Catalogue:
    """Opens a connection per use, so that threads and processes never share one.

    One more stays open and idle: with it the write-ahead log stays in place, so that what is kept
    can be read when the disk is full, and closing the others costs no checkpoint.
    """

    def __init__(self, path: Path, estate: str) -> None:
        self.path = path
        path.touch(mode=0o600)
        self._idle: sqlite3.Connection | None = None
        with self.reading() as db:
            found = db.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            with self.writing() as db:
                self._make(db, estate)
        with self.reading() as db:
            self._check(db, estate)
        self._idle = self._kept_open()

    def _kept_open(self) -> sqlite3.Connection | None:
        try:
            idle = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            idle.execute("SELECT count(*) FROM about").fetchone()
        except sqlite3.OperationalError:
            return None
        return idle

    def _make(self, db: sqlite3.Connection, estate: str) -> None:
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _TABLES.split(";\n"):
                db.execute(statement)
            db.execute("INSERT INTO about VALUES ('estate', ?)", (estate,))
            db.execute(f"PRAGMA user_version = {SCHEMA}")

    def _check(self, db: sqlite3.Connection, estate: str) -> None:
        if db.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:
            raise Refused(
                msg("The log store {path} was made by another version of opsbook.", path=self.path)
            )
        owner = db.execute("SELECT value FROM about WHERE key = 'estate'").fetchone()[0]
        if owner != estate:
            raise InputFault(
                msg("The log store {path} belongs to the estate {owner}, not to {estate}.",
                    path=self.path.parent, owner=owner, estate=estate),
                untouched=msg("It was left untouched."),
                next_step=msg("Give each estate its own stores.logs in estate.yml."),
            )  # fmt: skip

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view."""
        with self._connection(reading=True) as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when the block ends, undone when it raises."""
        with self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _connection(self, *, reading: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            db = self._connect(reading)
            try:
                yield db
            finally:
                db.close()
        except sqlite3.DatabaseError as error:
            raise self._explained(error) from error

    def _connect(self, reading: bool) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            write_ahead(db)
            db.execute("PRAGMA synchronous = FULL")
        except sqlite3.OperationalError as error:
            db.close()
            alone = not self.path.with_name(self.path.name + "-wal").exists()
            if not (reading and alone and error.sqlite_errorname.startswith(_NO_ROOM)):
                raise
            db = sqlite3.connect(
                f"file:{quote(str(self.path))}?mode=ro&immutable=1", uri=True, isolation_level=None
            )
        db.row_factory = sqlite3.Row
        return db

    def _explained(self, error: sqlite3.DatabaseError) -> Exception:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(_NO_ROOM):
            return full(self.path.parent)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Busy(msg("The log store {path} is in use by another process.", path=self.path))
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
            return InputFault(
                msg("The catalogue {path} cannot be opened: {reason}.",
                    path=self.path, reason=str(error))
            )  # fmt: skip
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return IntegrityFault(
                msg("The catalogue {path} is damaged: {reason}.",
                    path=self.path, reason=str(error)),
                next_step=msg("Restore it from a backup of opsbook's state."),
            )  # fmt: skip
        return error


def full(store: Path) -> HostRefused:
    """The fault of a store without room."""
    return HostRefused(
        msg("The log store {path} is full.", path=store),
        untouched=UNTOUCHED,
        next_step=msg("Free space there; the next run goes on with what is missing."),
    )


def to_json(value: Any) -> str:
    """JSON for a column."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
