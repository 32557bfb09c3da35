"""``patching/knowledge.db`` below the state directory: tracker extracts and changelogs.

Made of things that can be had again, so it may be deleted; then changelogs are asked for once
more and the tracker must be imported again. One extract is in force; importing replaces it whole
or not at all. What an import may do is proven in the ledger (``patching.tracker_imported``).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from opsbook.domains.patching.knowledge.changelog import Entry
from opsbook.domains.patching.knowledge.tracker import Tracked
from opsbook.model.clock import stamp, unstamp
from opsbook.model.errors import Busy, InputFault
from opsbook.model.message import msg
from opsbook.model.places import Places, private

_BUSY_SECONDS = 60.0
_VERSION = 1
_BATCH = 20000
ASKED_AGAIN = timedelta(days=1)
"""After how long a changelog that could not be had is asked for again."""

_TABLES = """
CREATE TABLE IF NOT EXISTS extracts (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,
    made TEXT NOT NULL, imported TEXT NOT NULL, facts INTEGER NOT NULL, suites TEXT NOT NULL,
    in_force INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tracked (
    suite TEXT NOT NULL, source TEXT NOT NULL, cve TEXT NOT NULL, fixed TEXT NOT NULL,
    urgency TEXT NOT NULL, PRIMARY KEY (suite, source, cve)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changelogs (
    family TEXT NOT NULL, source TEXT NOT NULL, version TEXT NOT NULL, entries TEXT NOT NULL,
    missing_since TEXT, PRIMARY KEY (family, source, version)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Extract:
    """A tracker extract that was imported. ``made`` says of when its content is."""

    name: str
    sha256: str
    bytes: int
    made: datetime
    imported: datetime
    facts: int
    suites: tuple[str, ...]
    in_force: bool

    def to_json(self) -> dict[str, object]:
        """As listed and kept in the ledger."""
        moments = {"made": stamp(self.made), "imported": stamp(self.imported)}
        return asdict(self) | moments | {"suites": list(self.suites)}


class Knowledge:
    """The store. ``path`` is its file; it is made when something is first kept."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, places: Places) -> Knowledge:
        """The one of this state directory."""
        return cls(places.root / "patching" / "knowledge.db")

    def replace_tracker(self, extract: Extract, facts: Iterable[Tracked]) -> Extract:
        """Put ``facts`` in force instead of what was; gives ``extract`` with what was counted.

        All or nothing, also when ``facts`` raises. Raises Busy, InputFault when the file cannot
        be used.
        """
        suites: set[str] = set()
        count = 0
        with self._open() as db:
            db.execute("DELETE FROM tracked")
            for batch in _batches(facts):
                suites.update(one.suite for one in batch)
                count += len(batch)
                rows = [(f.suite, f.source, f.cve, f.fixed, f.urgency) for f in batch]
                db.executemany("INSERT OR REPLACE INTO tracked VALUES (?, ?, ?, ?, ?)", rows)
            db.execute("UPDATE extracts SET in_force = 0")
            row = (extract.name, extract.sha256, extract.bytes, stamp(extract.made),
                   stamp(extract.imported), count, json.dumps(sorted(suites)))  # fmt: skip
            db.execute(
                "INSERT INTO extracts (name, sha256, bytes, made, imported, facts, suites,"
                " in_force) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
                row,
            )
            return _extracts(db)[-1]

    def extracts(self) -> list[Extract]:
        """All that were ever imported, oldest first."""
        if not self._path.exists():
            return []
        with self._open() as db:
            return _extracts(db)

    def tracked(self, suite: str, sources: Iterable[str]) -> dict[str, list[Tracked]]:
        """What is known of each of ``sources`` in ``suite``; sources it knows nothing of lack."""
        found: dict[str, list[Tracked]] = {}
        if not suite or not self._path.exists():
            return found
        with self._open() as db:
            for source in sorted(set(sources)):
                rows = db.execute(
                    "SELECT cve, fixed, urgency FROM tracked WHERE suite = ? AND source = ?",
                    (suite, source),
                ).fetchall()
                if rows:
                    found[source] = [Tracked(source, suite, *row) for row in rows]
        return found

    def changelogs(
        self, family: str, wanted: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[Entry, ...]]:
        """Entries of each (source, version) that is known."""
        found: dict[tuple[str, str], tuple[Entry, ...]] = {}
        for key, (entries, missing) in self._changelogs(family, wanted).items():
            if missing is None:
                found[key] = tuple((name, tuple(ids)) for name, ids in json.loads(entries))
        return found

    def unknown_changelogs(
        self, family: str, wanted: Iterable[tuple[str, str]], now: datetime
    ) -> set[tuple[str, str]]:
        """Those of ``wanted`` worth asking for: not known, and not found missing within a day."""
        lately = stamp(now - ASKED_AGAIN)
        rows = self._changelogs(family, wanted).items()
        known = {key for key, (_, missing) in rows if missing is None or missing > lately}
        return set(wanted) - known

    def keep_changelogs(
        self, family: str, known: Mapping[tuple[str, str], Sequence[Entry]]
    ) -> None:
        """Keep entries by (source, version); what is known already stays."""
        self._keep(family, {key: (json.dumps(entries), None) for key, entries in known.items()})

    def keep_missing(self, family: str, missing: Iterable[tuple[str, str]], now: datetime) -> None:
        """Keep that these changelogs could not be had."""
        self._keep(family, dict.fromkeys(missing, ("[]", stamp(now))))

    def _changelogs(
        self, family: str, wanted: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[str, str | None]]:
        if not self._path.exists():
            return {}
        found = {}
        with self._open() as db:
            for key in sorted(set(wanted)):
                row = db.execute(
                    "SELECT entries, missing_since FROM changelogs"
                    " WHERE (family, source, version) = (?, ?, ?)",
                    (family, *key),
                ).fetchone()
                if row:
                    found[key] = row
        return found

    def _keep(self, family: str, rows: Mapping[tuple[str, str], tuple[str, str | None]]) -> None:
        if not rows:
            return
        with self._open() as db:
            db.executemany(
                "INSERT INTO changelogs VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " entries = excluded.entries, missing_since = excluded.missing_since"
                " WHERE missing_since IS NOT NULL",
                [(family, *key, *value) for key, value in sorted(rows.items())],
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction that counts whole or not at all."""
        private(self._path.parent)
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                    db.executescript(
                        f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_VERSION};"
                    )
                with db:
                    yield db
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def _trouble(self, error: sqlite3.Error) -> Busy | InputFault:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Busy(
                msg("{path} is in use by another process.", path=self._path),
                next_step=msg("Wait for it to end."),
            )
        return InputFault(
            msg("{path} cannot be used: {reason}.", path=self._path, reason=error),
            untouched=msg("Nothing in it was changed."),
            next_step=msg("Make room, or delete the file and import the tracker again."),
        )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _extracts(db: sqlite3.Connection) -> list[Extract]:
    rows = db.execute(
        "SELECT name, sha256, bytes, made, imported, facts, suites, in_force FROM extracts"
        " ORDER BY id"
    ).fetchall()
    return [
        Extract(
            name=row[0],
            sha256=row[1],
            bytes=row[2],
            made=unstamp(row[3]),
            imported=unstamp(row[4]),
            facts=row[5],
            suites=tuple(json.loads(row[6])),
            in_force=bool(row[7]),
        )
        for row in rows
    ]


def _batches(facts: Iterable[Tracked]) -> Iterator[list[Tracked]]:
    batch: list[Tracked] = []
    for fact in facts:
        batch.append(fact)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
