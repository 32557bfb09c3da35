"""Writing what a file tells into the store, piece by piece, in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta

from opsbook.domains.hardening.store.keys import ARTIFACT, Controls, cut
from opsbook.domains.hardening.store.matching import Matcher
from opsbook.domains.hardening.store.rules import Rules, sound
from opsbook.domains.hardening.store.standing import QUIET, RESULTS, SEVERITIES
from opsbook.model.finding import Row, Scan, Seen, Told, Unreadable

_BATCH = 1_000
_CHARACTERS = 1_000_000
"""Evidence that is held back before it is written."""
_REMEMBERED = 10_000
_QUIET_EVIDENCE = 300
"""Characters of evidence kept of what passes or does not apply."""
_REASONS = 100
UNRECOGNISED = "format not recognised"
"""Why a part could not be read that is no scanner's: it takes nothing from the scan before it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RESULT = {result: number for number, result in enumerate(RESULTS)}
_SEVERITY = {severity: number for number, severity in enumerate(SEVERITIES)}
_QUIET = frozenset(RESULTS[number] for number in QUIET)

_SIGHTING = """
INSERT INTO sightings (seen, rule, result, severity, location, artifact, told, package, installed,
                       fixed, more, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SCAN = """
INSERT INTO scans (at, credentialed, format, tool, tool_version, content, content_version, profile,
                   started, ended, source, file) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_MORE_OF_SCAN = """
UPDATE scans SET at = ?, credentialed = ?, format = ?, tool = ?, tool_version = ?, content = ?,
    content_version = ?, profile = ?, started = ?, ended = ?, source = ? WHERE id = ?"""
_HOST = """
INSERT INTO seen (estate, known, host, scan, told, names, addresses, os, credentialed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET known = excluded.known,
    host = excluded.host, names = excluded.names, addresses = excluded.addresses,
    os = excluded.os, credentialed = excluded.credentialed"""


class Keeper:
    """Takes what one file tells. ``file`` is its number in the table ``files``.

    Memory does not grow with the file: what is remembered of hosts, rules and counts is bounded.
    """

    def __init__(
        self, db: sqlite3.Connection, estate: str, file: int, *,
        matcher: Matcher, controls: Controls, now: datetime,
    ) -> None:  # fmt: skip
        self._db = db
        self._estate = estate
        self._file = file
        self._matcher = matcher
        self._rules = Rules(db, controls)
        self._now = now
        self._scan: tuple[int, Scan] | None = None
        self._seen: dict[str, int] = {}
        self._rows: list[tuple[object, ...]] = []
        self._room = _CHARACTERS
        self._tallies: Counter[tuple[int, str, int, int]] = Counter()

    def take(self, told: Iterable[Told]) -> None:
        """Write everything; the transaction stays open."""
        for one in told:
            if isinstance(one, Row):
                self._row(one)
            elif isinstance(one, Seen):
                self._host(one)
            elif isinstance(one, Scan):
                self._begin(one)
            else:
                self._unreadable(one)
        self._flush()
        self._count()

    def _row(self, row: Row) -> None:
        seen = self._seen.get(row.host)
        if seen is None:
            seen = self._seen_before(row.host)
        result, severity = _RESULT[row.result], _SEVERITY[row.severity]
        self._tallies[seen, row.scanner, result, severity] += 1
        more, artifact = row.more, ""
        if more:
            artifact = cut(more.get(ARTIFACT, ""))
        evidence = row.evidence
        if row.result in _QUIET:
            evidence = evidence[:_QUIET_EVIDENCE]
        self._rows.append(
            (seen, self._rules.number(row), result, severity, cut(row.location), artifact,
             row.told, row.package, row.installed, row.fixed,
             json.dumps(dict(more)) if more else "", evidence)
        )  # fmt: skip
        self._room -= len(evidence)
        if len(self._rows) >= _BATCH or self._room < 0:
            self._flush()

    def _flush(self) -> None:
        self._db.execute("SAVEPOINT batch")
        try:
            self._db.executemany(_SIGHTING, self._rows)
        except UnicodeEncodeError:
            self._db.execute("ROLLBACK TO batch")
            self._db.executemany(_SIGHTING, [_sound(row) for row in self._rows])
        self._db.execute("RELEASE batch")
        self._rows.clear()
        self._room = _CHARACTERS
        if len(self._tallies) > _REMEMBERED:
            self._count()

    def _count(self) -> None:
        self._db.executemany(
            "INSERT INTO tallies (seen, scanner, result, severity, rows) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET rows = rows + excluded.rows",
            [(seen, sound(who), *kind, rows) for (seen, who, *kind), rows in self._tallies.items()],
        )
        self._tallies.clear()

    def _begin(self, scan: Scan) -> int:
        """A new scan; or more about the one that is being told of."""
        values = _scan_values(scan, self._now)
        if self._scan is not None and _same(self._scan[1], scan):
            number = self._scan[0]
            self._db.execute(_MORE_OF_SCAN, (*values, number))
        else:
            made = self._db.execute(_SCAN, (*values, self._file)).lastrowid
            assert made is not None
            number = made
            self._seen.clear()
        self._scan = number, scan
        return number

    def _host(self, seen: Seen) -> int:
        """A host of the scan; told of again, the newer telling counts."""
        scan = self._scan[0] if self._scan else self._begin(Scan(format="", tool=""))
        match = self._matcher.match(seen.names, seen.addresses)
        host = match.host or called(seen)
        self._db.execute(
            _HOST,
            (self._estate, match.host is not None, host, scan, cut(sound(seen.id)),
             json.dumps(seen.names), json.dumps(seen.addresses), sound(seen.os),
             seen.credentialed),
        )  # fmt: skip
        return self._number(scan, seen.id)

    def _seen_before(self, told: str) -> int:
        """The number of a host that is not remembered; one nobody introduced goes by its id."""
        scan = self._scan[0] if self._scan else self._begin(Scan(format="", tool=""))
        found = self._db.execute(
            "SELECT id FROM seen WHERE scan = ? AND told = ?", (scan, cut(sound(told)))
        ).fetchone()
        return self._number(scan, told) if found else self._host(Seen(told, names=(told,)))

    def _number(self, scan: int, told: str) -> int:
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        (number,) = self._db.execute(
            "SELECT id FROM seen WHERE scan = ? AND told = ?", (scan, cut(sound(told)))
        ).fetchone()
        self._seen[told] = int(number)
        return self._seen[told]

    def _unreadable(self, what: Unreadable) -> None:
        """Counted by reason; what is beyond a sane number of reasons has a reason of its own.

        A scan of which a part is missing proves nothing by what it does not mention.
        """
        why = cut(sound(what.why))
        known = self._db.execute(
            "SELECT count(*), coalesce(max(why = ?), 0) FROM unreadable WHERE file = ?",
            (why, self._file),
        ).fetchone()
        if self._scan is not None and why != UNRECOGNISED:
            self._db.execute("UPDATE scans SET whole = 0 WHERE id = ?", (self._scan[0],))
        why = why if known[1] or known[0] < _REASONS else "other"
        self._db.execute(
            "INSERT INTO unreadable (file, why, number, place, ends) VALUES (?, ?, 1, ?, ?)"
            " ON CONFLICT DO UPDATE SET number = number + 1, ends = max(ends, excluded.ends)",
            (self._file, why, cut(sound(what.where)), what.ends),
        )


def called(seen: Seen) -> str:
    """What a host goes by that the inventory does not know."""
    names = [name.strip() for name in (*seen.names, *seen.addresses, seen.id)]
    return cut(sound(next(filter(None, names), "?")))


def _same(former: Scan, scan: Scan) -> bool:
    """Whether ``scan`` only says more of ``former``: nothing that was told is told otherwise."""
    pairs = ((getattr(former, one.name), getattr(scan, one.name)) for one in fields(Scan))
    return all(before in ("", None, after) for before, after in pairs)


def _scan_values(scan: Scan, now: datetime) -> tuple[object, ...]:
    """Values of the columns that ``_SCAN`` and ``_MORE_OF_SCAN`` name."""
    texts = (scan.format, scan.tool, scan.tool_version, scan.content, scan.content_version,
             scan.profile, scan.started, scan.ended, scan.file)  # fmt: skip
    return taken_at(scan, now), scan.credentialed, *(cut(sound(text)) for text in texts)


def taken_at(scan: Scan, now: datetime) -> int:
    """When the scanner looked, in microseconds since 1970: as told, but never later than now.

    A time without a zone is taken as UTC; without any time it is the moment of the import.
    """
    for told in (scan.ended, scan.started):
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(told)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return min(micros(aware), micros(now))
    return micros(now)


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(number: int) -> datetime:
    """Read back what :func:`micros` made."""
    return _EPOCH + timedelta(microseconds=number)


def _sound(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(sound(value) if isinstance(value, str) else value for value in row)
