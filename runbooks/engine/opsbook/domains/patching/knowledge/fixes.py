"""Which CVEs going from one version of a source package to another closes, and how bad they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsbook.domains.patching.knowledge.changelog import Entry, by_number, closed_between
from opsbook.domains.patching.knowledge.severity import severity_of, worst
from opsbook.domains.patching.knowledge.store import Knowledge
from opsbook.domains.patching.knowledge.tracker import Tracked
from opsbook.domains.patching.versions import Family, compare, is_version


@dataclass(frozen=True, slots=True)
class Fix:
    """A CVE that is closed. ``by``: tracker, changelog or both; ``severity`` "" is not known."""

    cve: str
    severity: str
    by: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As kept in plans."""
        return {"id": self.cve, "severity": self.severity, "by": list(self.by)}


@dataclass(frozen=True)
class Known:
    """What is known of the sources of some hosts; pure once it was looked up.

    Many hosts go from and to the same versions, so each such question is answered once.
    """

    tracker: Mapping[str, Mapping[str, Sequence[Tracked]]] = field(default_factory=dict)
    changelogs: Mapping[tuple[Family, str, str], Sequence[Entry]] = field(default_factory=dict)
    _answered: dict[tuple[str, ...], tuple[Fix, ...]] = field(default_factory=dict, repr=False)

    def fixes(
        self, suite: str, source: str, before: str, after: str, family: Family
    ) -> tuple[Fix, ...]:
        """CVEs closed by going from ``before`` to ``after``, sorted by id.

        The tracker counts by suite and source version, so a backported fix counts and one of a
        newer upstream version does not. A CVE named only by the changelog has the tracker's
        severity when the tracker knows it at all.
        """
        question = (suite, source, before, after, family)
        if question not in self._answered:
            self._answered[question] = self._fixes(suite, source, before, after, family)
        return self._answered[question]

    def _fixes(
        self, suite: str, source: str, before: str, after: str, family: Family
    ) -> tuple[Fix, ...]:
        facts = {fact.cve: fact for fact in self.tracker.get(suite, {}).get(source, ())}
        told = {cve for cve, fact in facts.items() if _closes(fact.fixed, before, after, family)}
        entries = self.changelogs.get((family, source, after), ())
        named = set(closed_between(entries, before, after, family))
        return tuple(
            Fix(cve, severity_of(facts[cve].urgency) if cve in facts else "", _by(cve, told, named))
            for cve in sorted(told | named, key=by_number)
        )

    def open_ids(self, suite: str, source: str, version: str, family: Family) -> set[str]:
        """CVEs that the tracker says ``version`` still has: not fixed at all, or later."""
        if not is_version(version, family):
            return set()
        return {
            fact.cve
            for fact in self.tracker.get(suite, {}).get(source, ())
            if not fact.fixed or _later(fact.fixed, version, family)
        }


def look_up(
    store: Knowledge,
    sources: Mapping[str, Iterable[str]],
    versions: Mapping[Family, Iterable[tuple[str, str]]],
) -> Known:
    """What ``store`` knows of ``sources`` (suite -> names) and changelogs of ``versions``."""
    tracker = {suite: store.tracked(suite, names) for suite, names in sources.items()}
    changelogs = {
        (family, source, version): entries
        for family, wanted in versions.items()
        for (source, version), entries in store.changelogs(family, wanted).items()
    }
    return Known(tracker, changelogs)


def worst_of(fixes: Iterable[Fix]) -> str:
    """The highest severity of ``fixes``; "" when none is known."""
    return worst(fix.severity for fix in fixes)


def _by(cve: str, told: set[str], named: set[str]) -> tuple[str, ...]:
    return tuple(who for who, ids in (("changelog", named), ("tracker", told)) if cve in ids)


def _closes(fixed: str, before: str, after: str, family: Family) -> bool:
    return (
        fixed not in ("", "0")
        and all(is_version(version, family) for version in (fixed, before, after))
        and compare(before, fixed, family) < 0
        and compare(fixed, after, family) <= 0
    )


def _later(fixed: str, version: str, family: Family) -> bool:
    return is_version(fixed, family) and fixed != "0" and compare(version, fixed, family) < 0
