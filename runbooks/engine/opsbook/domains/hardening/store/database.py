"""``findings/findings.db`` below the state directory: its tables, opening it, its troubles.

SQLite with a write-ahead log, so that listing goes on while a file is imported. Everything of one
estate hangs on ``files.estate``, ``seen.estate`` and ``findings.estate``; texts of rules are kept
once for all.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from opsbook.ledger.sqlite import BUSY_SECONDS, write_ahead
from opsbook.model.errors import Busy, IntegrityFault, OpsbookError, Refused
from opsbook.model.message import msg
from opsbook.model.places import private

SCHEMA = 1
_CACHE_KIB = 8192
_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")

_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- one per imported file; told: the payload of its event; reported = 1 once it is in the ledger
CREATE TABLE files (
    id INTEGER PRIMARY KEY, estate TEXT NOT NULL, sha256 TEXT NOT NULL, name TEXT NOT NULL,
    bytes INTEGER NOT NULL, imported INTEGER NOT NULL, told TEXT NOT NULL DEFAULT '',
    reported INTEGER NOT NULL DEFAULT 0, UNIQUE (estate, sha256));

-- at: when the scanner looked, microseconds since 1970; whole = 0 when part could not be read
CREATE TABLE scans (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, at INTEGER NOT NULL, format TEXT NOT NULL,
    tool TEXT NOT NULL, tool_version TEXT NOT NULL, content TEXT NOT NULL,
    content_version TEXT NOT NULL, profile TEXT NOT NULL, started TEXT NOT NULL,
    ended TEXT NOT NULL, credentialed INTEGER, source TEXT NOT NULL,
    whole INTEGER NOT NULL DEFAULT 1);
CREATE INDEX scans_of_file ON scans (file);

-- a host as a scanner named it (told: its id in the file); host: that of the inventory if known = 1
CREATE TABLE seen (
    id INTEGER PRIMARY KEY, estate TEXT NOT NULL, known INTEGER NOT NULL, host TEXT NOT NULL,
    scan INTEGER NOT NULL, told TEXT NOT NULL, names TEXT NOT NULL, addresses TEXT NOT NULL,
    os TEXT NOT NULL, credentialed INTEGER, UNIQUE (scan, told));
CREATE INDEX seen_of_host ON seen (estate, known, host);

-- rows by result and severity, counted
CREATE TABLE tallies (
    seen INTEGER NOT NULL, scanner TEXT NOT NULL, result INTEGER NOT NULL,
    severity INTEGER NOT NULL, rows INTEGER NOT NULL,
    PRIMARY KEY (seen, scanner, result, severity)) WITHOUT ROWID;

CREATE TABLE rules (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, scanner TEXT NOT NULL,
    rule TEXT NOT NULL, title TEXT NOT NULL, remedy TEXT NOT NULL, ids TEXT NOT NULL);
CREATE TABLE rule_keys (
    rule INTEGER NOT NULL, key TEXT NOT NULL, scanner TEXT NOT NULL, of_host INTEGER NOT NULL,
    PRIMARY KEY (rule, key)) WITHOUT ROWID;
CREATE INDEX rules_of_key ON rule_keys (key);

CREATE TABLE sightings (
    id INTEGER PRIMARY KEY, seen INTEGER NOT NULL, rule INTEGER NOT NULL,
    result INTEGER NOT NULL, severity INTEGER NOT NULL, location TEXT NOT NULL,
    artifact TEXT NOT NULL, told TEXT NOT NULL, package TEXT NOT NULL, installed TEXT NOT NULL,
    fixed TEXT NOT NULL, more TEXT NOT NULL, evidence TEXT NOT NULL);
CREATE INDEX sightings_of_seen ON sightings (seen, rule);

-- made from the tables above; rule: the one whose title stands for it
CREATE TABLE findings (
    estate TEXT NOT NULL, known INTEGER NOT NULL, host TEXT NOT NULL, key TEXT NOT NULL,
    location TEXT NOT NULL, state TEXT NOT NULL, severity INTEGER NOT NULL, rule INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (estate, known DESC, host, key, location)) WITHOUT ROWID;

-- what could not be read, by file and reason; place: where the first of them is
CREATE TABLE unreadable (
    file INTEGER NOT NULL, why TEXT NOT NULL, number INTEGER NOT NULL, place TEXT NOT NULL,
    ends INTEGER NOT NULL, PRIMARY KEY (file, why)) WITHOUT ROWID;
"""


class Database:
    """The file; a connection per use. ``path`` is made, private, when it is first written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return self.path.exists()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that counts whole or not at all.

        Raises Busy, Refused when there is no room or no right to write, IntegrityFault when the
        file is damaged or of a newer opsbook.
        """
        with self._explained():
            private(self.path.parent)
            _touch(self.path)
            with closing(self._connect()) as db:
                write_ahead(db)
                db.execute("PRAGMA synchronous = FULL")
                with _transaction(db):
                    self._prepare(db)
                with _transaction(db):
                    yield db

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """What is committed by now, and nothing that comes later. Raises as :meth:`writing`."""
        with self._explained(), closing(self._connect()) as db:
            if _version(db) == 0:  # killed before the tables were made
                with self.writing():
                    pass
            db.execute("PRAGMA query_only = ON")
            db.execute("BEGIN")
            self._check(_version(db))
            yield db

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        db.execute("PRAGMA temp_store = FILE")
        db.execute("PRAGMA journal_size_limit = 67108864")
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        if _version(db) == 0:
            for statement in _TABLES.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {SCHEMA}")
        self._check(_version(db))

    def _check(self, version: int) -> None:
        if version > SCHEMA:
            raise IntegrityFault(
                msg("{path} was written by a newer opsbook.", path=self.path),
                untouched=msg("Nothing in it was changed."),
                next_step=msg("Use the opsbook that wrote it."),
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def _trouble(self, error: sqlite3.Error) -> OpsbookError:
        name = getattr(error, "sqlite_errorname", "")
        untouched = msg("What it held before is as it was.")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Busy(
                msg("{path} is in use by another process.", path=self.path),
                untouched=untouched,
                next_step=msg("Wait for it to end."),
            )
        if name.startswith(_NO_ROOM):
            return no_room(self.path, str(error))
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return IntegrityFault(
                msg("{path} is damaged: {reason}.", path=self.path, reason=error),
                next_step=msg("Move it aside and import the scanners' files again; opsbook records"
                              " verify checks the ledger, which names them."),
            )  # fmt: skip
        raise error


def no_room(path: Path, reason: str) -> Refused:
    """The refusal of what cannot be written at ``path``, below the state directory or beside it."""
    return Refused(
        msg("{path} cannot be written: {reason}.", path=path, reason=reason),
        untouched=msg("What it held before is as it was."),
        next_step=msg("Make room on its disk and beside its temporary files, or give this user the"
                      " right to write there; then type the same again."),
    )  # fmt: skip


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _touch(path: Path) -> None:
    """SQLite gives the files beside it the mode of the database."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
