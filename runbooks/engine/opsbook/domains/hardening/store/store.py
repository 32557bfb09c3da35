"""Asking the store: findings as they stand, files that were imported, hosts that were seen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from opsbook.domains.hardening.store import queries
from opsbook.domains.hardening.store.catalogue import OurControls
from opsbook.domains.hardening.store.comparison import Compared, compare, compare_since
from opsbook.domains.hardening.store.database import Database
from opsbook.domains.hardening.store.keeping import micros, moment
from opsbook.domains.hardening.store.keys import Controls
from opsbook.domains.hardening.store.model import Finding, Look, Sighting, State
from opsbook.domains.hardening.store.port import EVERYTHING_STANDING, STANDING, Wanted
from opsbook.domains.hardening.store.refresh import Subject, looks_of
from opsbook.domains.hardening.store.rules import ids_of
from opsbook.domains.hardening.store.settling import settle
from opsbook.domains.hardening.store.standing import RESULTS, SEVERITIES, Taken
from opsbook.domains.hardening.store.summary import all_of
from opsbook.model.estate import Inventory
from opsbook.model.finding import Ids
from opsbook.model.places import Places

_Place = tuple[str, str]


def open_findings(
    places: Places, estate: str, inventory: Inventory, controls: Controls | None = None
) -> FindingStore:
    """The store, with what changed in the inventory of ``estate`` (all its hosts, without a
    limit) and in the catalogue worked in. Raises as :meth:`Database.writing`.
    """
    database = Database(places.findings)
    settle(database, estate, inventory, controls or OurControls(places))
    return FindingStore(database)


@dataclass(frozen=True, slots=True)
class Looked:
    """A look at a host: what is compared of it, where it comes from, and as whom the scanner knew
    the host. ``system`` is the operating system in the scanner's words or a CPE name.
    """

    taken: Taken
    look: Look
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    system: str


class FindingStore:
    """Implements :class:`opsbook.domains.hardening.store.port.Findings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_host(
        self, estate: str, host: str, states: Collection[State] = STANDING
    ) -> Sequence[Finding]:
        """Findings of one host of the inventory with all their sightings, by key and location."""
        if not self._database.exists:
            return []
        with self._database.reading() as db:
            listed = _of_one_host(db, estate, Wanted(states=states), host, known=True)
            found = {(one.key, one.location): one for one in listed}
            subject = {"estate": estate, "known": True, "host": host}
            told = _sightings(db, queries.OF_HOST, subject, found.keys())
        return [_whole(one, told.get(place, [])) for place, one in found.items()]

    def of_estate(self, estate: str, wanted: Wanted = EVERYTHING_STANDING) -> Iterator[Finding]:
        """Findings without their sightings, by host, key and location. There may be millions.

        Their ``ids`` and ``title`` are those of one of their sightings.
        """
        if not self._database.exists:
            return
        with self._database.reading() as db:
            yield from map(_finding, db.execute(queries.FINDINGS, _asked(estate, wanted)))

    def one(self, estate: str, host: str, key: str, location: str = "") -> Finding | None:
        """One finding with all its sightings, also what passed; None when there is none."""
        if not self._database.exists:
            return None
        wanted, place = Wanted(states=(), keys=(key,)), (key, location)
        with self._database.reading() as db:
            for known in (True, False):
                for finding in _of_one_host(db, estate, wanted, host, known=known):
                    if finding.location == location:
                        subject = {"estate": estate, "known": known, "host": host, "key": key}
                        told = _sightings(db, queries.OF_KEY, subject, {place})
                        return _whole(finding, told.get(place, []))
        return None

    def places(self, estate: str, host: str, key: str) -> list[str]:
        """Locations at which ``host`` has findings of ``key``."""
        if not self._database.exists:
            return []
        with self._database.reading() as db:
            return [place for (place,) in db.execute(queries.PLACES, (estate, host, key))]

    def numbers(self, estate: str, wanted: Wanted = EVERYTHING_STANDING) -> dict[str, int]:
        """How many findings of ``wanted`` there are, by severity."""
        if not self._database.exists:
            return {}
        with self._database.reading() as db:
            rows = db.execute(queries.NUMBERS, _asked(estate, wanted)).fetchall()
        return {SEVERITIES[severity].value: number for severity, number in rows}

    def compared(self, before: int, after: int) -> Iterator[Compared]:
        """Two imports, by their numbers."""
        with self._database.reading() as db:
            yield from compare(db, before, after)

    def since(self, estate: str, then: datetime) -> Iterator[Compared]:
        """How findings stood at a moment, against now."""
        if not self._database.exists:
            return
        with self._database.reading() as db:
            yield from compare_since(db, estate, micros(then))

    def looks(self, estate: str, host: str) -> list[Looked]:
        """Every look at one host of the inventory, oldest first, also one that found nothing."""
        if not self._database.exists:
            return []
        with self._database.reading() as db:
            taken = list(looks_of(db, Subject(estate, True, host)))
            seen: dict[int, Looked] = {}
            for number, names, addresses, system, row in _seen(db, estate, host):
                seen[number] = Looked(
                    next(one for one in taken if one.number == number),
                    _look(db, row), tuple(all_of(names)), tuple(all_of(addresses)), system,
                )  # fmt: skip
        return sorted(seen.values(), key=lambda one: (one.taken.at, one.taken.number))

    def files(self, estate: str) -> list[dict[str, Any]]:
        """What was imported, oldest first: payloads of the imports, with the moment of each."""
        if not self._database.exists:
            return []
        with self._database.reading() as db:
            rows = db.execute(queries.FILES, (estate,)).fetchall()
        return [
            json.loads(told) | {"number": number, "imported": moment(at)}
            for number, at, told in rows
        ]

    def hosts(self, estate: str) -> list[dict[str, Any]]:
        """Every host that a scanner saw: numbers of findings by state, of open ones by severity,
        its last look; of those the inventory does not know also names and addresses.
        """
        if not self._database.exists:
            return []
        with self._database.reading() as db:
            hosts = {
                (bool(known), host): _host(bool(known), host, *rest)
                for known, host, *rest in db.execute(queries.HOSTS, (estate,))
            }
            for known, host, state, severity, number in db.execute(queries.COUNTS, (estate,)):
                _add(hosts[bool(known), host], state, SEVERITIES[severity].value, number)
        return list(hosts.values())


def _host(
    known: bool, host: str, scans: int, at: int, names: str, addresses: str
) -> dict[str, Any]:
    told = {} if known else {"names": all_of(names), "addresses": all_of(addresses)}
    return {"host": host, "known": known, "scans": scans, "last_look": moment(at),
            "states": {}, "open": {}} | told  # fmt: skip


def _seen(db: sqlite3.Connection, estate: str, host: str) -> list[Sequence[Any]]:
    """The scan, all names and addresses, the system and one number in ``seen`` of each look."""
    return db.execute(queries.SEEN, (estate, host)).fetchall()


def _add(host: dict[str, Any], state: str, severity: str, number: int) -> None:
    host["states"][state] = host["states"].get(state, 0) + number
    if state == State.OPEN:
        host["open"][severity] = number


def _of_one_host(
    db: sqlite3.Connection, estate: str, wanted: Wanted, host: str, *, known: bool
) -> Iterator[Finding]:
    asked = _asked(estate, wanted) | {"host": host, "of_known": known}
    return map(_finding, db.execute(queries.OF_ONE_HOST, asked))


def _finding(row: Sequence[Any]) -> Finding:
    known, name, key, location, state, severity, first, last, title, ids = row
    return Finding(
        host=name,
        key=key,
        location=location,
        state=State(state),
        severity=SEVERITIES[severity],
        title=title,
        first_seen=moment(first),
        last_seen=moment(last),
        ids=ids_of(ids),
        known=bool(known),
    )


def _asked(estate: str, wanted: Wanted) -> dict[str, object]:
    """Parameters of the queries: JSON lists, NULL where anything will do."""
    severities = [SEVERITIES.index(one) for one in wanted.severities]
    return {
        "estate": estate,
        "hosts": _list(wanted.hosts),
        "states": _list(wanted.states),
        "severities": _list(severities),
        "keys": _list(wanted.keys),
        "by_control": wanted.by_control,
        "known": True if wanted.hosts else wanted.known,
    }


def _list(values: Iterable[object]) -> str | None:
    told = sorted(values)  # type: ignore[type-var]
    return json.dumps(told) if told else None


def _sightings(
    db: sqlite3.Connection, query: str, subject: Mapping[str, object], places: Collection[_Place]
) -> dict[_Place, list[Sighting]]:
    """Everything that was said of ``places`` of one host, oldest first."""
    found: dict[_Place, list[Sighting]] = {}
    looks: dict[int, Look] = {}
    for key, place, number, *row in db.execute(query, subject):
        if (key, place) in places:
            if number not in looks:
                looks[number] = _look(db, number)
            found.setdefault((key, place), []).append(_sighting(looks[number], row))
    return found


def _look(db: sqlite3.Connection, seen: int) -> Look:
    row = db.execute(queries.LOOK, (seen,)).fetchone()
    scan, host, at, kind, tool, tool_version, content, version, profile, told, *file = row
    member, name, sha256 = file
    return Look(
        scan=scan,
        host=host,
        at=moment(at),
        format=kind,
        tool=tool,
        tool_version=tool_version,
        content=content,
        content_version=version,
        profile=profile,
        credentialed=None if told is None else bool(told),
        file=member or name,
        sha256=sha256,
    )


def _sighting(look: Look, row: Sequence[Any]) -> Sighting:
    scanner, rule, result, severity, told, title, location, evidence, remedy, ids = row[:10]
    package, installed, fixed, more = row[10:]
    return Sighting(
        look=look,
        scanner=scanner,
        rule=rule,
        result=RESULTS[result],
        severity=SEVERITIES[severity],
        told=told,
        title=title,
        location=location,
        evidence=evidence,
        remedy=remedy,
        ids=ids_of(ids),
        package=package,
        installed=installed,
        fixed=fixed,
        more=json.loads(more) if more else {},
    )


def _whole(finding: Finding, sightings: Sequence[Sighting]) -> Finding:
    """With its sightings, and the ids of all of them."""
    names = ("cve", "cnvd", "cnnvd", "cncve", "cce", "other")
    ids = Ids(
        **{
            name: tuple(dict.fromkeys(i for one in sightings for i in getattr(one.ids, name)))
            for name in names
        }
    )
    return replace(finding, sightings=tuple(sightings), ids=ids)
