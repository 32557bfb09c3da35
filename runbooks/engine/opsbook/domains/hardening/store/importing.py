"""Taking a scanner's file into the store: whole or not at all, once, and told to the ledger.

What is kept and what the ledger is told are two writings: a file that is kept and not yet reported
(killed in between) is reported the next time anything is imported.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from opsbook.domains.hardening.store.database import Database, no_room
from opsbook.domains.hardening.store.keeping import Keeper, micros
from opsbook.domains.hardening.store.keys import Controls
from opsbook.domains.hardening.store.matching import Matcher
from opsbook.domains.hardening.store.refresh import Difference, Subject, refresh
from opsbook.domains.hardening.store.settling import settle_within
from opsbook.domains.hardening.store.summary import summary
from opsbook.ledger.port import Ledger
from opsbook.model.errors import Busy
from opsbook.model.estate import Estate, Inventory
from opsbook.model.event import NewEvent
from opsbook.model.finding import Told
from opsbook.model.message import msg
from opsbook.model.places import Places, private

KIND = "findings.imported"
FORGOTTEN = "findings.forgotten"
_PATIENCE = 600.0
_STEP = 0.2
_FILE = "INSERT INTO files (estate, sha256, name, bytes, imported) VALUES (?, ?, ?, ?, ?)"
_REPORTED = "UPDATE files SET reported = 1 WHERE estate = ? AND sha256 = ?"
TOUCHED = """
SELECT DISTINCT s.estate, s.known, s.host FROM seen s JOIN scans c ON c.id = s.scan
WHERE c.file = ?"""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file is, once it has been read: its digest in hex and its size in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that is told: ``told`` yields what is in it, ``identity`` knows it afterwards.

    ``host`` is the host it is about, where it does not say so itself. ``as_root``: people said
    that the scanner was root where it did not tell.
    """

    name: str
    told: Iterable[Told]
    identity: Callable[[], Identity]
    host: str = ""
    as_root: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a file. ``told`` is the payload of its event; ``before`` says that the very
    same file had been imported already: then nothing was added and ``told`` is of that time.
    """

    told: Mapping[str, Any]
    before: bool = False


class _SameError(Exception):
    """The file had been imported already."""


@dataclass(frozen=True, slots=True)
class Intake:
    """The store of one estate, as far as it takes files in.

    ``inventory`` has all hosts of the estate: what was said of a host that is not in it is said of
    a stranger from then on. ``zone`` is that of times for which a scanner tells none.
    """

    database: Database
    estate: str
    inventory: Inventory
    controls: Controls
    zone: tzinfo = UTC

    @classmethod
    def of(cls, estate: Estate, inventory: Inventory, controls: Controls, places: Places) -> Intake:
        """That of ``estate``, kept at ``places``."""
        return cls(Database(places.findings), estate.name, inventory, controls, estate.zone)

    def keep(self, arrival: Arrival, now: datetime) -> Kept:
        """Keep what a file tells.

        Raises Busy when another import is at work for too long, and as
        :meth:`Database.writing`; what ``arrival.told`` raises goes through, and nothing of the
        file is kept then.
        """
        try:
            with alone(self.database.path), self.database.writing() as db:
                return Kept(self._kept(db, arrival, now))
        except _SameError as same:
            return Kept(json.loads(str(same)), before=True)

    def before(self, sha256: str) -> Kept | None:
        """The import of the file with this digest, if there was one."""
        if not self.database.exists:
            return None
        with self.database.reading() as db:
            told = _told(db, self.estate, sha256)
        return Kept(json.loads(told), before=True) if told else None

    def sizes(self) -> set[int]:
        """Sizes in bytes of what was imported: a file of another size is another file."""
        if not self.database.exists:
            return set()
        with self.database.reading() as db:
            rows = db.execute("SELECT bytes FROM files WHERE estate = ?", (self.estate,))
            return {size for (size,) in rows}

    def _kept(self, db: sqlite3.Connection, arrival: Arrival, now: datetime) -> Mapping[str, Any]:
        settle_within(db, self.estate, self.inventory, self.controls)
        unknown = f"?{os.urandom(8).hex()}"  # the digest is known when all has been read
        file = db.execute(_FILE, (self.estate, unknown, arrival.name, 0, micros(now))).lastrowid
        assert file is not None
        keeper = Keeper(
            db, self.estate, file,
            matcher=Matcher(self.inventory.hosts), controls=self.controls, now=now,
            zone=self.zone, host=arrival.host,
        )  # fmt: skip
        keeper.take(arrival.told)
        identity = arrival.identity()
        same = _told(db, self.estate, identity.sha256)
        if same is not None:
            raise _SameError(same)
        difference = Difference()
        for row in db.execute(TOUCHED, (file,)).fetchall():
            difference = difference.plus(refresh(db, Subject(*row)))
        about = {"estate": self.estate, "file": arrival.name, "sha256": identity.sha256,
                 "bytes": identity.bytes}  # fmt: skip
        about |= {"as_root": True} if arrival.as_root else {}
        told = about | summary(db, file, difference, Matcher(self.inventory.hosts))
        db.execute(
            "UPDATE files SET sha256 = ?, bytes = ?, told = ? WHERE id = ?",
            (identity.sha256, identity.bytes, json.dumps(told), file),
        )
        return told


def report(database: Database, ledger: Ledger) -> None:
    """Tell the ledger of every file that was kept and not reported yet; one process at a time.

    That it was told is noted in the store only when no other import is at work there: the next
    one to report finds it in the ledger.
    """
    if not database.exists:
        return
    with alone(database.path, "report.lock"):
        told = [json.loads(text) for text in _unreported(database)]
        if told:
            known = _known(ledger)
            new = [one for one in told if _name(one) not in known]
            if new:
                ledger.append([NewEvent(KIND, estate=one["estate"], payload=one) for one in new])
            with suppress(Busy), alone(database.path, patience=0), database.writing() as db:
                db.executemany(_REPORTED, map(_name, told))


def _known(ledger: Ledger) -> set[tuple[Any, Any]]:
    """What the ledger says was imported and not forgotten since."""
    known: set[tuple[Any, Any]] = set()
    for event in ledger.events(kinds=(KIND, FORGOTTEN)):
        (known.add if event.kind == KIND else known.discard)(_name(event.payload or {}))
    return known


def _unreported(database: Database) -> list[str]:
    with database.reading() as db:
        rows = db.execute("SELECT told FROM files WHERE reported = 0 AND told != '' ORDER BY id")
        return [told for (told,) in rows]


def _name(told: Mapping[str, Any]) -> tuple[Any, Any]:
    return told.get("estate"), told.get("sha256")


def _told(db: sqlite3.Connection, estate: str, sha256: str) -> str | None:
    found = db.execute(
        "SELECT told FROM files WHERE estate = ? AND sha256 = ?", (estate, sha256)
    ).fetchone()
    return str(found[0]) if found else None


@contextmanager
def alone(path: Path, name: str = "import.lock", patience: float = _PATIENCE) -> Iterator[None]:
    """One import at a time; the next one waits, and the lock of a process that died is free.

    Raises Busy after ``patience`` seconds, Refused where the lock cannot be made.
    """
    lock = path.with_name(name)
    try:
        private(path.parent)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise no_room(lock, error.strerror or str(error)) from error
    try:
        limit = time.monotonic() + patience
        while not _taken(descriptor):
            if time.monotonic() > limit:
                raise Busy(
                    msg("Another import has been at work for too long."),
                    untouched=msg("Nothing was imported."),
                    next_step=msg("Type the same again when it has ended."),
                )
            time.sleep(_STEP)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
