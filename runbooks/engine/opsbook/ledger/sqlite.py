"""Everything about the ledger's database that only SQLite has. PostgreSQL gets such a module too.

Writers: WAL, full sync, ``BEGIN IMMEDIATE``, waiting up to :data:`BUSY_SECONDS` for each other.
Readers: the standard library's ``sqlite3`` in read-only mode, because importing SQLAlchemy
takes longer than listing ten thousand records.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from opsbook.model.errors import Busy, IntegrityFault, OpsbookError, Refused
from opsbook.model.message import msg

if TYPE_CHECKING:
    from sqlalchemy import Engine

BUSY_SECONDS = 60.0
_FULL = ("database or disk is full", "disk i/o error", "readonly database", "unable to open")
_BROKEN = ("malformed", "not a database", "no such", "unsupported file format", "decode")


def engine(path: Path) -> Engine:
    """An engine for writing ``path``, which is made private when it is not there."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import QueuePool

    _create_private(path)
    made = create_engine(
        "sqlite://",
        creator=lambda: _connect(path),
        poolclass=QueuePool,
        pool_size=2,
        max_overflow=30,
    )
    event.listen(made, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return made


def readonly(path: Path, *, copied: bool = False) -> sqlite3.Connection:
    """A connection that cannot write.

    ``copied``: the file lies somewhere by itself, perhaps in a directory that cannot be written;
    without a write-ahead log beside it nobody has it open, and it is read as it lies there.
    """
    alone = copied and not path.with_name(path.name + "-wal").exists()
    mode = "mode=ro&immutable=1" if alone else "mode=ro"
    return sqlite3.connect(
        f"file:{quote(str(path))}?{mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def forget(engine: Engine) -> None:
    """Remove what was deleted from the write-ahead log as well (pages are overwritten with
    zeros by ``secure_delete``). What readers still need stays until the next time.
    """
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def integrity(connection: sqlite3.Connection) -> str | None:
    """What SQLite itself finds wrong with the file (indexes included), or None."""
    (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return None if answer == "ok" else str(answer)


def copy(source: Path, target: Path) -> None:
    """A consistent copy of a database that may be in use, by SQLite's backup interface."""
    _create_private(target)
    reading = readonly(source)
    writing = sqlite3.connect(target)
    try:
        reading.backup(writing, pages=4096)
        writing.execute("PRAGMA journal_mode=DELETE")
    finally:
        writing.close()
        reading.close()


def dump(path: Path) -> Iterator[str]:
    """The content of a database as SQL statements, in a fixed order."""
    reading = readonly(path)
    try:
        yield from reading.iterdump()
    finally:
        reading.close()


def raise_tokens(path: Path, by: int) -> None:
    """Take every lease back and raise its fencing token, in a file that nobody uses."""
    writing = sqlite3.connect(path)
    try:
        writing.execute(
            "UPDATE leases SET token = token + ?, run = NULL, pid = NULL,"
            " started = NULL, boot_id = NULL",
            (by,),
        )
        writing.commit()
    finally:
        writing.close()


def write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite itself does not wait here for others who switch.

    Raises sqlite3.OperationalError when they take longer than :data:`BUSY_SECONDS`.
    """
    limit = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > limit:
                raise
            time.sleep(0.01)
        else:
            return


def keep_meta(path: Path, name: str, value: str) -> None:
    """Write a row of the table ``meta``, in a file that nobody uses."""
    writing = sqlite3.connect(path)
    try:
        writing.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))
        writing.commit()
    finally:
        writing.close()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the database's own errors into sentences; nothing was written when one is raised."""
    try:
        yield
    except OpsbookError:
        raise
    except UnicodeDecodeError as error:
        raise _damaged(path, str(error)) from error
    except Exception as error:
        cause = getattr(error, "orig", error)
        said = _explanation(path, str(cause)) if isinstance(cause, sqlite3.Error) else None
        if said is None:
            raise
        raise said from error


def _explanation(path: Path, text: str) -> OpsbookError | None:
    lowered = text.lower()
    if "locked" in lowered:
        return Busy(
            msg("Another process has kept the ledger {path} busy too long.", path=path),
            untouched=msg("Nothing was written to the ledger."),
        )
    if any(word in lowered for word in _FULL):
        return Refused(
            msg("The ledger {path} cannot be written: {reason}.", path=path, reason=text),
            untouched=msg("Nothing was written to the ledger."),
            next_step=msg("Make room on its disk, or give this user the right to write there."),
        )
    return _damaged(path, text) if any(word in lowered for word in _BROKEN) else None


def _damaged(path: Path, reason: str) -> IntegrityFault:
    return IntegrityFault(
        msg("The ledger {path} is damaged: {reason}.", path=path, reason=reason),
        next_step=msg("opsbook records verify names the first bad event."),
    )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    write_ahead(connection)
    for setting in ("synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _create_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
