"""Which CVE ids each version closed, read from the text of a changelog. Pure.

Debian: ``SOURCE (VERSION) SUITES; urgency=...`` opens an entry (deb-changelog(5)). RPM: a line
``* DATE AUTHOR [-] VERSION-RELEASE`` does. Everything else is only looked at for CVE ids, so a
changelog that lies can name ids and nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from opsbook.domains.patching.versions import Family, compare, is_version

MOST_TEXT = 1_000_000
"""Characters of a changelog that are read; the newest entries come first."""
MOST_ENTRIES = 500
MOST_IDS = 2000

Entry = tuple[str, tuple[str, ...]]
"""A version and the CVE ids its entry names, sorted."""

_DEB_HEAD = re.compile(r"([a-z0-9][a-z0-9+.-]{0,199}) \(([^()\s]{1,200})\) [^;\n]{0,300};", re.I)
_RPM_HEAD = re.compile(
    r"\* .{0,300}?[\s-]((?:\d{1,9}:)?[0-9A-Za-z._+~^]{1,99}-[0-9A-Za-z._+~^]{1,99})\s*$"
)
_CVE = re.compile(r"(?<![A-Za-z0-9])CVE-((?:19|20)[0-9]{2})-([0-9]{4,7})(?![0-9])", re.I | re.ASCII)


def cve_ids(text: str) -> tuple[str, ...]:
    """The CVE ids named in ``text``, in upper case, sorted, each once."""
    found = {f"CVE-{year}-{number}" for year, number in _CVE.findall(text)}
    return tuple(sorted(found, key=by_number)[:MOST_IDS])


def read_changelog(text: str, source: str, family: Family) -> tuple[Entry, ...]:
    """The entries of ``source`` in ``text``, newest first as they stand there."""
    found: list[Entry] = []
    version, lines = "", [""]
    for line in text[:MOST_TEXT].splitlines():
        head = _head(line, source, family)
        if head is None:
            lines.append(line)
            continue
        if version:
            found.append((version, cve_ids("\n".join(lines))))
        version, lines = head, []
        if len(found) == MOST_ENTRIES:
            return tuple(found)
    if version:
        found.append((version, cve_ids("\n".join(lines))))
    return tuple(found)


def closed_between(
    entries: Sequence[Entry], before: str, after: str, family: Family
) -> tuple[str, ...]:
    """CVE ids of the versions newer than ``before`` and not newer than ``after``.

    Changelogs of RPM name the epoch or not as their authors please, and source packages have none:
    it does not count.
    """
    if family == "rpm":
        before, after = (_without_epoch(version) for version in (before, after))
        entries = [(_without_epoch(version), ids) for version, ids in entries]
    if not (is_version(before, family) and is_version(after, family)):
        return ()
    found = {
        cve
        for version, ids in entries
        if ids
        and is_version(version, family)
        and compare(version, before, family) > 0
        and compare(version, after, family) <= 0
        for cve in ids
    }
    return tuple(sorted(found, key=by_number))


def _head(line: str, source: str, family: Family) -> str | None:
    """The version of the entry that ``line`` opens; "" for one of another package."""
    if family == "rpm":
        found = _RPM_HEAD.match(line) if line.startswith("* ") else None
        return found.group(1) if found else None
    found = _DEB_HEAD.match(line) if line[:1].isalnum() else None
    if found is None:
        return None
    return found.group(2) if found.group(1).lower() == source.lower() else ""


def _without_epoch(version: str) -> str:
    return version.rpartition(":")[2]


def by_number(cve: str) -> tuple[str, int]:
    """By which CVE ids are sorted: year, then number."""
    _, year, number = cve.split("-")
    return year, int(number)
