"""MemoryFindings: the findings of estates, kept in a list."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from opsbook.domains.hardening.store.model import Finding, State
from opsbook.domains.hardening.store.port import EVERYTHING_STANDING, STANDING, Wanted


@dataclass
class MemoryFindings:
    """A :class:`opsbook.domains.hardening.store.port.Findings`; ``put`` what it is to tell."""

    kept: dict[str, list[Finding]] = field(default_factory=dict)

    def put(self, estate: str, *findings: Finding) -> None:
        """Have ``findings`` in ``estate``."""
        self.kept.setdefault(estate, []).extend(findings)

    def of_host(
        self, estate: str, host: str, states: Collection[State] = STANDING
    ) -> Sequence[Finding]:
        """Findings of one host of the inventory with all their sightings, by key and location."""
        wanted = Wanted(hosts=(host,), states=states, known=True)
        return [finding for finding in self._all(estate) if _is(finding, wanted)]

    def of_estate(self, estate: str, wanted: Wanted = EVERYTHING_STANDING) -> Iterator[Finding]:
        """Findings without their sightings, by host, key and location."""
        for finding in self._all(estate):
            if _is(finding, wanted):
                yield replace(finding, sightings=())

    def one(self, estate: str, host: str, key: str, location: str = "") -> Finding | None:
        """One finding with all its sightings; None when there is none."""
        for finding in self._all(estate):
            if (finding.host, finding.key, finding.location) == (host, key, location):
                return finding
        return None

    def _all(self, estate: str) -> list[Finding]:
        found = self.kept.get(estate, [])
        return sorted(found, key=lambda one: (not one.known, one.host, one.key, one.location))


def _is(finding: Finding, wanted: Wanted) -> bool:
    return (
        (not wanted.hosts or (finding.known and finding.host in wanted.hosts))
        and (not wanted.states or finding.state in wanted.states)
        and (not wanted.severities or finding.severity in wanted.severities)
        and (not wanted.keys or finding.key in wanted.keys)
        and (wanted.by_control is None or wanted.by_control == (finding.control is not None))
        and (wanted.known is None or wanted.known == finding.known)
    )
