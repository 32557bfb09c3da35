"""Two imports, or two moments, compared: what is fixed, remains, is new, cannot be compared.

By the rules of :mod:`.standing`: fixed is only what a look with the same content and no fewer
rights says so of; for everything else that is not found any more there is a reason why that proves
nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from opsbook.domains.hardening.store import queries
from opsbook.domains.hardening.store.model import State
from opsbook.domains.hardening.store.refresh import Subject, looks_of, words_of
from opsbook.domains.hardening.store.standing import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    SEVERITIES,
    Judge,
    Standing,
    Taken,
    comparable,
)
from opsbook.model.finding import Severity


class Outcome(StrEnum):
    """What became of a finding between two imports or moments."""

    FIXED = "fixed"
    REMAINING = "remaining"
    NEW = "new"
    NOT_COMPARABLE = "not_comparable"


class Why(StrEnum):
    """Why two looks prove nothing about each other.

    That the scanner knew the host by other names (``identity``), or that nothing was done about
    what passes now (``nothing_done``), is told by proofs alone.
    """

    NONE = ""
    CONTENT = "content"
    PROFILE = "profile"
    CREDENTIALS = "credentials"
    VERSION = "version"
    NOT_SCANNED = "not_scanned"
    NOT_LOOKED_AT = "not_looked_at"
    CUT_OFF = "cut_off"
    NOT_APPLICABLE = "not_applicable"
    UNDECIDED = "undecided"
    IDENTITY = "identity"
    NOTHING_DONE = "nothing_done"


@dataclass(frozen=True, slots=True)
class Compared:
    """One finding in both. ``known``: of a host of the inventory. ``why`` is told of what cannot be
    compared, and of what is new because other things were looked at.
    """

    host: str
    known: bool
    key: str
    location: str
    outcome: Outcome
    severity: Severity
    why: Why = Why.NONE


class _Said(NamedTuple):
    known: int
    host: str
    key: str
    location: str
    later: bool
    result: int
    severity: int
    scanner: str


def compare(db: sqlite3.Connection, before: int, after: int) -> Iterator[Compared]:
    """The imports with these numbers, by host, key and location."""
    pairs = _Pairs(_looks(db, before), _looks(db, after))
    both = merge(_said(db, before, later=False), _said(db, after, later=True))
    for (known, host, key, location), group in groupby(both, key=itemgetter(0, 1, 2, 3)):
        said = {row.later: row for row in group}
        found = _became(said.get(False), said.get(True), *pairs.of(known, host))
        if found is not None:
            outcome, why = found
            telling = said.get(True, said.get(False)) if outcome is Outcome.NEW else None
            telling = telling or said.get(False) or said[True]
            severity = SEVERITIES[telling.severity]
            yield Compared(host, bool(known), key, location, outcome, severity, why)


def compare_since(db: sqlite3.Connection, estate: str, then: int) -> Iterator[Compared]:
    """How findings stood at ``then`` (microseconds since 1970) and how they stand now."""
    for row in db.execute(queries.SUBJECTS, (estate,)).fetchall():
        subject = Subject(*row)
        looks = list(looks_of(db, subject))
        early = [look for look in looks if look.at <= then]
        known, was, now = {look.number for look in early}, Judge(early), Judge(looks)
        for (key, location), words in words_of(db, subject):
            before = was.standing([word for word in words if word.look in known])
            found = _changed(before, now.standing(words))
            if found is not None:
                outcome, severity, why = found
                yield Compared(
                    subject.host, bool(subject.known), key, location, outcome, severity, why
                )


def _changed(
    before: Standing | None, after: Standing | None
) -> tuple[Outcome, Severity, Why] | None:
    was_open = before is not None and before.state is State.OPEN
    if after is None:
        return None
    severity = SEVERITIES[after.severity]
    if after.state is State.OPEN:
        return (Outcome.REMAINING if was_open else Outcome.NEW), severity, Why.NONE
    if not was_open:
        return None
    if after.state is State.FIXED:
        return Outcome.FIXED, severity, Why.NONE
    return Outcome.NOT_COMPARABLE, severity, Why.VERSION


def _became(
    before: _Said | None, after: _Said | None, old: Taken | None, new: Taken | None
) -> tuple[Outcome, Why] | None:
    """What became of one finding between the looks ``old`` and ``new`` at its host, if anything."""
    result = after.result if after else None
    if before is not None and before.result == FAIL:
        return since_failing(before.scanner, result, old, new)
    return (Outcome.NEW, difference(old, new)) if result == FAIL else None


def since_failing(
    scanner: str, result: int | None, old: Taken | None, new: Taken | None
) -> tuple[Outcome, Why]:
    """What became of a finding that failed in the look ``old``: in the look ``new`` ``scanner``
    said ``result`` (its number) of it, or nothing (None).
    """
    if result == FAIL:
        return Outcome.REMAINING, Why.NONE
    why = difference(old, new) or _silence(scanner, result, new)
    return (Outcome.NOT_COMPARABLE, why) if why else (Outcome.FIXED, Why.NONE)


def difference(old: Taken | None, new: Taken | None) -> Why:
    """Why the look ``new`` proves nothing about the look ``old``; NONE where it does."""
    if old is None or new is None:
        return Why.NOT_SCANNED
    if old.format != new.format:
        return Why.CONTENT
    return Why(comparable(old, new) or "")


def _silence(scanner: str, result: int | None, new: Taken | None) -> Why:
    """Why what is not found any more need not be gone."""
    if result is None:
        if new is None or new.tells_passes(scanner):
            return Why.NOT_LOOKED_AT
        return Why.NONE if new.whole else Why.CUT_OFF
    if result == PASS:
        return Why.NONE
    return Why.NOT_APPLICABLE if result == NOT_APPLICABLE else Why.UNDECIDED


class _Pairs:
    """The looks of both imports at each host that are of one source, if there are such."""

    def __init__(
        self, old: Mapping[tuple[int, str], list[Taken]], new: Mapping[tuple[int, str], list[Taken]]
    ) -> None:
        self._old, self._new = old, new

    def of(self, known: int, host: str) -> tuple[Taken | None, Taken | None]:
        olds, news = self._old.get((known, host), []), self._new.get((known, host), [])
        for old in olds:
            for new in news:
                if old.format == new.format and comparable(old, new) not in ("content", "profile"):
                    return old, new
        return (olds or [None])[0], (news or [None])[0]  # type: ignore[list-item]


def _looks(db: sqlite3.Connection, file: int) -> dict[tuple[int, str], list[Taken]]:
    """Looks of one import by (known, host)."""
    scans = {scan for (scan,) in db.execute("SELECT id FROM scans WHERE file = ?", (file,))}
    found = {}
    for estate, known, host in db.execute(queries.SUBJECTS_OF_FILE, (file,)).fetchall():
        looks = looks_of(db, Subject(estate, known, host))
        found[known, host] = [look for look in looks if look.number in scans]
    return found


def _said(db: sqlite3.Connection, file: int, *, later: bool) -> Iterator[_Said]:
    """What one import says of each finding, the least number of its results first (sorted)."""
    for known, host, key, place, result, severity, scanner in db.execute(queries.SAID, (file,)):
        yield _Said(known, host, key, place, later, result, severity, scanner)
