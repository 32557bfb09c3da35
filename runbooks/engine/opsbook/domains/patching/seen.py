"""The first-seen ledger: since when a version has been known, whatever happens to package lists.

Event ``patching.first_seen`` {package, arch, version, origin, suite, sha256, since}, once per
estate, package, arch, version, origin and digest. ``since`` is the latest moment the ledger had
known when the version came up, so a clock set back makes nothing older.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opsbook.domains.patching.snapshot import Candidate
from opsbook.ledger.port import Ledger
from opsbook.model.clock import stamp, unstamp
from opsbook.model.event import Event, NewEvent

KIND = "patching.first_seen"

Key = tuple[str, str, str, str, str]
"""Package, arch, version, origin, sha256."""


@dataclass(frozen=True, slots=True)
class Seen:
    """When a version was first seen, and the event that proves it."""

    since: datetime
    seq: int
    suite: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A line of the list: what was seen, and when."""

    package: str
    arch: str
    version: str
    origin: str
    suite: str
    sha256: str
    seen: Seen

    def to_json(self) -> dict[str, Any]:
        """As listed."""
        return {
            "package": self.package,
            "arch": self.arch,
            "version": self.version,
            "origin": self.origin,
            "suite": self.suite,
            "sha256": self.sha256,
            "since": stamp(self.seen.since),
            "event": self.seen.seq,
        }


def key_of(candidate: Candidate) -> Key:
    """What makes ``candidate`` this thing and no other."""
    return (
        candidate.package,
        candidate.arch,
        candidate.after,
        candidate.origin,
        candidate.sha256,
    )


class FirstSeen:
    """Reads and adds sightings of one estate in the ledger."""

    def __init__(self, ledger: Ledger, estate: str) -> None:
        self._ledger = ledger
        self._estate = estate

    def note(self, candidates: Iterable[Candidate], now: datetime) -> Mapping[Key, Seen]:
        """All sightings of the estate, after those of ``candidates`` that are new were added."""
        known = self.known()
        new = {key_of(one): one for one in candidates if key_of(one) not in known}
        if not new:
            return known
        since = max(now, self.latest())
        events = [self._event(new[key], since) for key in sorted(new)]
        for event in self._ledger.append(events):
            key, seen = _read(event)
            known[key] = seen
        return known

    def known(self) -> dict[Key, Seen]:
        """All sightings of the estate; of two of the same thing the first one counts."""
        found: dict[Key, Seen] = {}
        for event in self._events():
            key, seen = _read(event)
            found.setdefault(key, seen)
        return found

    def listed(self) -> list[Sighting]:
        """All sightings in the order of their events."""
        rows = [
            Sighting(package, arch, version, origin, seen.suite, sha256, seen)
            for (package, arch, version, origin, sha256), seen in self.known().items()
        ]
        return sorted(rows, key=lambda row: row.seen.seq)

    def latest(self) -> datetime:
        """The latest moment the ledger knows, also when the clock went back after it."""
        newest = self._ledger.newest()
        moments = [newest.at] if newest else []
        for event in self._ledger.events(kinds=("clock.backwards",)):
            moments += [event.at, *_stamped(event.payload, "last")]
        moments += [seen.since for seen in self.known().values()]
        return max(moments, default=datetime.min.replace(tzinfo=UTC))

    def _events(self) -> Iterator[Event]:
        for event in self._ledger.events(kinds=(KIND,)):
            if event.estate == self._estate and event.payload is not None:
                yield event

    def _event(self, candidate: Candidate, since: datetime) -> NewEvent:
        payload = {
            "package": candidate.package,
            "arch": candidate.arch,
            "version": candidate.after,
            "origin": candidate.origin,
            "suite": candidate.suite,
            "sha256": candidate.sha256,
            "since": stamp(since),
        }
        return NewEvent(KIND, self._estate, payload=payload)


def _read(event: Event) -> tuple[Key, Seen]:
    payload = event.payload or {}
    names = ("package", "arch", "version", "origin", "sha256")
    package, arch, version, origin, sha256 = (str(payload.get(name, "")) for name in names)
    since = max([event.at, *_stamped(payload, "since")])
    seen = Seen(since, event.seq, str(payload.get("suite", "")))
    return (package, arch, version, origin, sha256), seen


def _stamped(payload: Mapping[str, Any] | None, name: str) -> list[datetime]:
    try:
        return [unstamp(str((payload or {})[name]))]
    except (KeyError, ValueError):
        return []
