"""Writing what a file tells into the store, piece by piece, in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, tzinfo

from opsbook.domains.hardening.store.keys import LONGEST, Controls, cut
from opsbook.domains.hardening.store.matching import Matcher, telling
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
    """Takes what one file tells. ``file`` is its number in the table ``files``, ``host`` what
    people call the host of which the file says nothing that could tell it from another.

    Memory does not grow with the file: what is remembered of hosts, rules and counts is bounded.
    """

    def __init__(
        self, db: sqlite3.Connection, estate: str, file: int, *,
        matcher: Matcher, controls: Controls, now: datetime, zone: tzinfo = UTC, host: str = "",
    ) -> None:  # fmt: skip
        self._db = db
        self._estate = estate
        self._file = file
        self._matcher = matcher
        self._rules = Rules(db, controls)
        self._now = now
        self._zone = zone
        self._called = host
        self._scan: tuple[int, Scan] | None = None
        self._next: Scan | None = None
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
        if self._next is not None:
            self._decide(None)
        seen = self._seen.get(row.host)
        if seen is None:
            seen = self._seen_before(row.host)
        result, severity = _RESULT[row.result], _SEVERITY[row.severity]
        self._tallies[seen, row.scanner, result, severity] += 1
        number, more, artifact = self._rules.about(row)
        evidence, location = row.evidence, row.location
        if row.result in _QUIET:
            evidence = evidence[:_QUIET_EVIDENCE]
        if len(location) > LONGEST:
            location = cut(location)
        self._rows.append(
            (seen, number, result, severity, location, artifact, row.told, row.package,
             row.installed, row.fixed, more, evidence)
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

    def _begin(self, scan: Scan) -> None:
        """What follows belongs to ``scan``; some scanners say only within a host what they are."""
        current = self._scan
        if current is None or not _only_more(current[1], scan):
            self._scan = self._new_scan(scan), scan
            self._seen.clear()
        elif _contradicts(current[1], scan):
            self._next = scan
        else:
            self._tell_more(current[0], scan)

    def _decide(self, seen: Seen | None) -> None:
        """Whether the scan that was told last is another one: told within a host it is not."""
        scan, self._next = self._next, None
        assert self._scan is not None
        assert scan is not None
        if seen is not None and self._find(self._scan[0], seen.id) is not None:
            self._tell_more(self._scan[0], scan)
        else:
            self._scan = self._new_scan(scan), scan
            self._seen.clear()

    def _new_scan(self, scan: Scan) -> int:
        made = self._db.execute(_SCAN, (*self._values(scan), self._file)).lastrowid
        assert made is not None
        return made

    def _tell_more(self, number: int, scan: Scan) -> None:
        self._db.execute(_MORE_OF_SCAN, (*self._values(scan), number))
        self._scan = number, scan

    def _values(self, scan: Scan) -> tuple[object, ...]:
        """Values of the columns that ``_SCAN`` and ``_MORE_OF_SCAN`` name."""
        texts = (scan.format, scan.tool, scan.tool_version, scan.content, scan.content_version,
                 scan.profile, scan.started, scan.ended, scan.file)  # fmt: skip
        at = taken_at(scan, self._now, self._zone)
        return at, scan.credentialed, *(cut(sound(text)) for text in texts)

    def _current(self) -> int:
        """The number of the scan that hosts and rows belong to; one nobody told of is nameless."""
        if self._scan is None:
            self._begin(Scan(format="", tool=""))
        assert self._scan is not None
        return self._scan[0]

    def _host(self, seen: Seen) -> int:
        """A host of the scan; told of again, the newer telling counts."""
        if self._next is not None:
            self._decide(seen)
        scan = self._current()
        if self._called and not telling(seen.names, seen.addresses):
            seen = replace(seen, names=(*seen.names, self._called))
        match = self._matcher.match(seen.names, seen.addresses)
        host = match.host or called(seen)
        self._db.execute(
            _HOST,
            (self._estate, match.host is not None, host, scan, cut(sound(seen.id)),
             json.dumps(seen.names), json.dumps(seen.addresses), sound(seen.os),
             seen.credentialed),
        )  # fmt: skip
        number = self._find(scan, seen.id)
        assert number is not None
        return self._remembered(seen.id, number)

    def _seen_before(self, told: str) -> int:
        """The number of a host that is not remembered; one nobody introduced goes by its id."""
        found = self._find(self._current(), told)
        if found is None:
            return self._host(Seen(told, names=(told,)))
        return self._remembered(told, found)

    def _find(self, scan: int, told: str) -> int | None:
        found = self._db.execute(
            "SELECT id FROM seen WHERE scan = ? AND told = ?", (scan, cut(sound(told)))
        ).fetchone()
        return int(found[0]) if found else None

    def _remembered(self, told: str, number: int) -> int:
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[told] = number
        return number

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


def _only_more(former: Scan, scan: Scan) -> bool:
    """Whether ``scan`` can be the same as ``former``: of the same tool, file and time."""
    return all(
        getattr(former, name) == getattr(scan, name)
        for name in ("format", "tool", "file", "started", "ended")
    )


def _contradicts(former: Scan, scan: Scan) -> bool:
    """Whether anything that was told of ``former`` is told otherwise."""
    pairs = ((getattr(former, one.name), getattr(scan, one.name)) for one in fields(Scan))
    return any(before not in ("", None, after) for before, after in pairs)


def taken_at(scan: Scan, now: datetime, zone: tzinfo) -> int:
    """When the scanner looked, in microseconds since 1970: as told, but never later than now.

    A time without a zone is of ``zone``, the estate's: most scanners tell the time of their own
    clock, and taken as UTC the first of two scans could seem the later one. Without any time it
    is the moment of the import.
    """
    told = moment_told(scan.ended, zone) or moment_told(scan.started, zone) or now
    return max(0, min(micros(told), micros(now)))


def moment_told(text: str, zone: tzinfo) -> datetime | None:
    """The moment that a scanner tells (ISO 8601) in ``zone``, None where it is none."""
    with suppress(ValueError, OverflowError):
        told = datetime.fromisoformat(text)
        return told.astimezone(zone) if told.tzinfo else told.replace(tzinfo=zone)
    return None


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(number: int) -> datetime:
    """Read back what :func:`micros` made."""
    return _EPOCH + timedelta(microseconds=number)


def _sound(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(sound(value) if isinstance(value, str) else value for value in row)
