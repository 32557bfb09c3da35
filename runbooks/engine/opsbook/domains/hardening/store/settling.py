"""Findings follow the inventory and the catalogue: what changed there is worked in here.

A host that got another name, or a scanner's name that an engineer gave to a host
(``opsbook_names``), moves what was said of it; another catalogue gives rules other keys. Both are
noticed by a digest; where nothing changed nothing is written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator

from opsbook.domains.hardening.store.database import Database
from opsbook.domains.hardening.store.keeping import called
from opsbook.domains.hardening.store.keys import Controls
from opsbook.domains.hardening.store.matching import Matcher
from opsbook.domains.hardening.store.refresh import Subject, refresh
from opsbook.domains.hardening.store.rules import renew_keys
from opsbook.model.estate import Inventory
from opsbook.model.finding import Seen

_KEPT = """
INSERT INTO about (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"""
_CONCERNED = """
SELECT DISTINCT s.estate, s.known, s.host FROM seen s JOIN sightings g ON g.seen = s.id
WHERE g.rule IN (SELECT value FROM json_each(?))"""
_SEEN = "SELECT id, known, host, told, names, addresses FROM seen WHERE estate = ?"


def settle(database: Database, estate: str, inventory: Inventory, controls: Controls) -> None:
    """Work in what changed since the last time. Raises as :meth:`Database.writing`."""
    if not database.exists:
        return
    with database.reading() as db:
        current = _settled(db, estate, inventory, controls)
    if not current:
        with database.writing() as db:
            settle_within(db, estate, inventory, controls)


def settle_within(
    db: sqlite3.Connection, estate: str, inventory: Inventory, controls: Controls
) -> None:
    """As :func:`settle`, in a transaction that is open already."""
    if _settled(db, estate, inventory, controls):
        return
    concerned = set(_moved(db, estate, Matcher(inventory.hosts)))
    if _about(db, "controls") != controls.digest:
        renewed = json.dumps(sorted(renew_keys(db, controls)))
        concerned.update(Subject(*row) for row in db.execute(_CONCERNED, (renewed,)))
    for subject in sorted(concerned):
        refresh(db, subject)
    db.executemany(_KEPT, _digests(estate, inventory, controls))


def _moved(db: sqlite3.Connection, estate: str, matcher: Matcher) -> Iterator[Subject]:
    """Hosts to which something is said now that was not, or no more."""
    for number, known, host, told, names, addresses in db.execute(_SEEN, (estate,)).fetchall():
        seen = Seen(told, tuple(json.loads(names)), tuple(json.loads(addresses)))
        match = matcher.match(seen.names, seen.addresses).host
        now = Subject(estate, match is not None, match or called(seen))
        if (now.known, now.host) != (bool(known), host):
            db.execute(
                "UPDATE seen SET known = ?, host = ? WHERE id = ?", (now.known, now.host, number)
            )
            yield now
            yield Subject(estate, bool(known), host)


def _settled(db: sqlite3.Connection, estate: str, inventory: Inventory, controls: Controls) -> bool:
    return all(_about(db, name) == value for name, value in _digests(estate, inventory, controls))


def _digests(estate: str, inventory: Inventory, controls: Controls) -> Iterable[tuple[str, str]]:
    return ("controls", controls.digest), (f"inventory {estate}", inventory.digest)


def _about(db: sqlite3.Connection, name: str) -> str | None:
    found = db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
    return str(found[0]) if found else None
