"""What an import brought, as its page and its event in the ledger tell it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from opsbook.domains.hardening.store.matching import Matcher
from opsbook.domains.hardening.store.refresh import Difference
from opsbook.domains.hardening.store.standing import FAIL, RESULTS, SEVERITIES

MOST = 1_000
"""So many hosts and scans are named; the numbers are always those of all."""

_SCANS = """
SELECT id, format, tool, tool_version, content, content_version, profile, started, ended,
       credentialed, source FROM scans WHERE file = ? ORDER BY id LIMIT ?"""
_RIGHTS = """
SELECT scan, credentialed, count(*) FROM seen WHERE credentialed IS NOT NULL
    AND scan IN (SELECT id FROM scans WHERE file = ?) GROUP BY scan, credentialed"""
_HOSTS = """
SELECT s.host, json_group_array(DISTINCT s.names), json_group_array(DISTINCT s.addresses)
FROM seen s JOIN scans c ON c.id = s.scan WHERE c.file = ? AND s.known = ?
GROUP BY s.host ORDER BY s.host LIMIT ?"""
_ROWS = """
SELECT t.result, t.severity, sum(t.rows) FROM tallies t JOIN seen s ON s.id = t.seen
JOIN scans c ON c.id = s.scan WHERE c.file = ? GROUP BY t.result, t.severity"""
_NUMBERS = """
SELECT (SELECT count(*) FROM scans WHERE file = :file),
       (SELECT count(DISTINCT s.host) FROM seen s JOIN scans c ON c.id = s.scan
        WHERE c.file = :file AND s.known),
       (SELECT count(DISTINCT s.host) FROM seen s JOIN scans c ON c.id = s.scan
        WHERE c.file = :file AND NOT s.known)"""


def summary(
    db: sqlite3.Connection, file: int, difference: Difference, matcher: Matcher
) -> dict[str, Any]:
    """Scans, hosts, rows by result and severity, findings, what could not be read."""
    scans, matched, others = db.execute(_NUMBERS, {"file": file}).fetchone()
    return {
        "scans": {"number": scans, "each": list(_scans(db, file))},
        "hosts": {
            "matched": matched,
            "not_matched": others,
            "names": list(_names(db, file)),
            "unknown": list(_unknown(db, file, matcher)),
        },
        "rows": _rows(db, file),
        "findings": difference._asdict(),
        "unreadable": list(_unreadable(db, file)),
    }


def _scans(db: sqlite3.Connection, file: int) -> Iterator[dict[str, Any]]:
    rights: dict[int, dict[bool, int]] = {}
    for scan, credentialed, number in db.execute(_RIGHTS, (file,)):
        rights.setdefault(scan, {})[bool(credentialed)] = number
    names = ("format", "tool", "tool_version", "content", "content_version", "profile",
             "started", "ended", "credentialed", "file")  # fmt: skip
    for number, *values in db.execute(_SCANS, (file, MOST)):
        told = dict(zip(names, values, strict=True))
        overall = told["credentialed"]
        told["credentialed"] = None if overall is None else bool(overall)
        hosts = rights.get(number, {})
        yield told | {
            "hosts_credentialed": hosts.get(True, 0),
            "hosts_not_credentialed": hosts.get(False, 0),
        }


def _names(db: sqlite3.Connection, file: int) -> Iterator[str]:
    yield from (host for host, _, _ in db.execute(_HOSTS, (file, True, MOST)))


def _unknown(db: sqlite3.Connection, file: int, matcher: Matcher) -> Iterator[dict[str, Any]]:
    """Hosts that no host of the inventory is, with all that the scanner calls them."""
    for host, *lists in db.execute(_HOSTS, (file, False, MOST)):
        names, addresses = map(all_of, lists)
        several = matcher.match(names, addresses).several
        yield {"host": host, "names": names, "addresses": addresses, "several": list(several)}


def all_of(lists: str) -> list[str]:
    """What several lists (a JSON array of texts, each a JSON array) hold together, each once."""
    return list(dict.fromkeys(one for each in json.loads(lists) for one in json.loads(each)))


def _rows(db: sqlite3.Connection, file: int) -> dict[str, Any]:
    """Numbers by result, and of what fails by severity."""
    results: dict[str, int] = {}
    severities: dict[str, int] = {}
    for result, severity, rows in db.execute(_ROWS, (file,)):
        name = RESULTS[result].value
        results[name] = results.get(name, 0) + rows
        if result == FAIL:
            severities[SEVERITIES[severity].value] = rows
    return {"results": results, "failed": severities}


def _unreadable(db: sqlite3.Connection, file: int) -> Iterator[dict[str, Any]]:
    query = "SELECT why, number, place, ends FROM unreadable WHERE file = ? ORDER BY why"
    for why, number, place, ends in db.execute(query, (file,)):
        yield {"why": why, "number": number, "where": place, "ends": bool(ends)}
