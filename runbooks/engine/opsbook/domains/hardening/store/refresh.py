"""Making findings anew from everything that was said of a host, within one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from opsbook.domains.hardening.store.model import State
from opsbook.domains.hardening.store.standing import Judge, Taken, Word

_BATCH = 2_000
_ANY = "SELECT 1 FROM findings WHERE estate = ? AND known = ? AND host = ? LIMIT 1"
_FINDING = """
INSERT INTO findings (estate, known, host, key, location, state, severity, rule, first, last)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_FRESH = """
INSERT INTO temp.fresh (estate, known, host, key, location, state, severity, rule, first, last)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_DIFFERENCE = """
WITH was AS (SELECT key, location FROM findings
             WHERE estate = ? AND known = ? AND host = ? AND state = 'open'),
     now AS (SELECT key, location FROM temp.fresh WHERE state = 'open')
SELECT (SELECT count(*) FROM (SELECT * FROM now EXCEPT SELECT * FROM was)),
       (SELECT count(*) FROM (SELECT * FROM now INTERSECT SELECT * FROM was)),
       (SELECT count(*) FROM (SELECT * FROM was EXCEPT SELECT * FROM now))"""
_EXCHANGE = (
    "DELETE FROM findings WHERE estate = ? AND known = ? AND host = ?",
    "INSERT INTO findings SELECT * FROM temp.fresh",
    "DELETE FROM temp.fresh",
)
_ALL_WORDS = """
SELECT k.key,
       CASE WHEN k.of_host OR g.location = '' THEN g.artifact ELSE g.location END AS place,
       s.scan, k.scanner, g.result, g.severity, g.rule
FROM seen s JOIN sightings g ON g.seen = s.id JOIN rule_keys k ON k.rule = g.rule
WHERE s.estate = ? AND s.known = ? AND s.host = ?
ORDER BY k.key, place"""
_LOUD_WORDS = """
SELECT k.key,
       CASE WHEN k.of_host OR g.location = '' THEN g.artifact ELSE g.location END AS place,
       s.scan, k.scanner, g.result, g.severity, g.rule
FROM seen s JOIN sightings g ON g.seen = s.id JOIN rule_keys k ON k.rule = g.rule
WHERE s.estate = ? AND s.known = ? AND s.host = ? AND g.result < 5
ORDER BY k.key, place"""
_OF_ONE_LOOK = """
INSERT OR IGNORE INTO findings
    (estate, known, host, key, location, state, severity, rule, first, last)
SELECT :estate, :known, :host, k.key,
       CASE WHEN k.of_host OR g.location = '' THEN g.artifact ELSE g.location END,
       CASE g.result WHEN 0 THEN 'open' WHEN 4 THEN 'noted' ELSE 'undecided' END,
       g.severity, g.rule, :at, :at
FROM seen s JOIN sightings g ON g.seen = s.id JOIN rule_keys k ON k.rule = g.rule
WHERE s.estate = :estate AND s.known = :known AND s.host = :host AND g.result < 5
ORDER BY g.result, g.severity, g.rule"""
"""Where there is but one look, nothing is compared: the gravest of the least results comes first
and tells, what else is said of the same finding is ignored.
"""
_OPEN = """
SELECT count(*) FROM findings WHERE estate = ? AND known = ? AND host = ? AND state = 'open'"""
_TALLIES = """
SELECT s.scan, t.scanner, t.result, sum(t.rows) FROM seen s JOIN tallies t ON t.seen = s.id
WHERE s.estate = ? AND s.known = ? AND s.host = ? GROUP BY s.scan, t.scanner, t.result"""
_LOOKS = """
SELECT c.id, c.at, c.format, c.content, c.content_version, c.profile,
       max(coalesce(s.credentialed, c.credentialed)), c.whole
FROM seen s JOIN scans c ON c.id = s.scan
WHERE s.estate = ? AND s.known = ? AND s.host = ? GROUP BY c.id"""


class Subject(NamedTuple):
    """A host of an estate; ``known``: of its inventory, else as a scanner called it."""

    estate: str
    known: bool
    host: str


class Difference(NamedTuple):
    """How many findings are open that were not, are still open, and are open no more."""

    new: int = 0
    again: int = 0
    closed: int = 0

    def plus(self, other: Difference) -> Difference:
        """Both together."""
        return Difference(*(sum(pair) for pair in zip(self, other, strict=True)))


def refresh(db: sqlite3.Connection, subject: Subject) -> Difference:
    """Make the findings of one host anew; what became of those that were open."""
    looks = list(looks_of(db, subject))
    if db.execute(_ANY, subject).fetchone() is not None:
        return _exchange(db, subject, _findings(db, subject, Judge(looks)))
    if len(looks) > 1:
        return Difference(new=_insert(db, _FINDING, _findings(db, subject, Judge(looks))))
    for look in looks:
        db.execute(_OF_ONE_LOOK, subject._asdict() | {"at": look.at})
    return Difference(new=db.execute(_OPEN, subject).fetchone()[0])


def _exchange(
    db: sqlite3.Connection, subject: Subject, rows: Iterator[tuple[object, ...]]
) -> Difference:
    """Put the new findings in the place of the former ones, by way of a table beside them."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS fresh AS SELECT * FROM findings WHERE 0")
    _insert(db, _FRESH, rows)
    difference = Difference(*db.execute(_DIFFERENCE, subject).fetchone())
    for statement in _EXCHANGE:
        db.execute(statement, subject if "?" in statement else ())
    return difference


def _insert(db: sqlite3.Connection, statement: str, rows: Iterator[tuple[object, ...]]) -> int:
    """Write ``rows`` in batches; how many of them are open."""
    opened = 0
    batch: list[tuple[object, ...]] = []
    for row in rows:
        batch.append(row)
        opened += row[5] == State.OPEN
        if len(batch) == _BATCH:
            db.executemany(statement, batch)
            batch = []
    db.executemany(statement, batch)
    return opened


def _findings(
    db: sqlite3.Connection, subject: Subject, judge: Judge
) -> Iterator[tuple[object, ...]]:
    """Rows of the table ``findings``, by key and location.

    Where no two looks are compared, what passes or does not apply makes no finding.
    """
    for (key, location), words in words_of(db, subject, quiet=not judge.simple):
        found = judge.standing(words)
        if found is not None:
            yield (*subject, key, location, *found)


def words_of(
    db: sqlite3.Connection, subject: Subject, *, quiet: bool = True
) -> Iterator[tuple[tuple[str, str], list[Word]]]:
    """Everything that was said of each (key, location) of a host; without ``quiet`` not what
    passes or does not apply.
    """
    words = db.execute(_ALL_WORDS if quiet else _LOUD_WORDS, subject)
    for place, rows in groupby(words, key=itemgetter(0, 1)):
        yield place, [Word(*row[2:]) for row in rows]


def looks_of(db: sqlite3.Connection, subject: Subject) -> Iterator[Taken]:
    """All looks at a host."""
    tallies: dict[int, dict[str, dict[int, int]]] = {}
    for scan, scanner, result, rows in db.execute(_TALLIES, subject):
        tallies.setdefault(scan, {}).setdefault(scanner, {})[result] = rows
    for number, at, kind, content, version, profile, told, whole in db.execute(_LOOKS, subject):
        yield Taken(
            number=number,
            at=at,
            format=kind,
            content=content,
            version=version,
            profile=profile,
            credentialed=None if told is None else bool(told),
            tallies=tallies.get(number, {}),
            whole=bool(whole),
        )
