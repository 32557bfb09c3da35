"""Which changelogs are asked of which host, and what of the answers is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.domains.patching.baseline import Baseline, matches
from opsbook.domains.patching.knowledge.changelog import read_changelog
from opsbook.domains.patching.knowledge.store import Knowledge
from opsbook.domains.patching.snapshot import Candidate, Snapshot
from opsbook.domains.patching.versions import Family, is_version

SCHEMA = "opsbook.patching-changelogs/1"
MOST_OF_ONE_HOST = 200

Wanted = tuple[Family, str, str]
"""Family, source and source version of a changelog."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one host is asked for: candidates, the smallest binary package of each source."""

    family: Family
    candidates: tuple[Candidate, ...]

    def to_json(self) -> dict[str, Any]:
        """The value of ``opsbook_asked``."""
        return {
            "packages": [
                {
                    "package": one.package,
                    "arch": one.arch,
                    "version": one.after,
                    "source": one.source,
                    "source_version": one.source_after,
                }
                for one in self.candidates
            ]
        }


def questions(
    snapshots: Mapping[str, Snapshot],
    baselines: Mapping[str, Baseline],
    knowledge: Knowledge,
    now: datetime,
) -> dict[str, Asked]:
    """One host per unknown changelog; hosts share the work evenly."""
    offers: dict[Wanted, dict[str, Candidate]] = {}
    for host, snapshot in sorted(snapshots.items()):
        for one in _of_interest(snapshot, baselines[host]):
            of_version = offers.setdefault(_wanted(snapshot, one), {})
            if host not in of_version or one.size < of_version[host].size:
                of_version[host] = one
    shares: dict[str, list[Candidate]] = {}
    for wanted in sorted(_unknown(offers, knowledge, now)):
        host = min(offers[wanted], key=lambda name: (len(shares.get(name, ())), name))
        shares.setdefault(host, []).append(offers[wanted][host])
    return {
        host: Asked(snapshots[host].family, tuple(share[:MOST_OF_ONE_HOST]))
        for host, share in shares.items()
    }


def learn(asked: Asked, answer: Mapping[str, Any], knowledge: Knowledge, now: datetime) -> None:
    """Keep the changelogs that were asked for; whatever else the answer says is passed over."""
    if answer.get("schema") != SCHEMA:
        return
    wanted = {(one.source, one.source_after) for one in asked.candidates}
    read = {
        key: read_changelog(text, key[0], asked.family)
        for key, text in _texts(answer.get("changelogs"))
        if key in wanted
    }
    missing = {key for key, _ in _texts(answer.get("missing"))} & wanted - read.keys()
    knowledge.keep_changelogs(asked.family, read)
    knowledge.keep_missing(asked.family, missing, now)


def _of_interest(snapshot: Snapshot, baseline: Baseline) -> Iterator[Candidate]:
    """Candidates whose CVE ids matter: those the baseline may take."""
    for one in snapshot.candidates:
        names = (one.package, one.source)
        if (
            not one.why
            and one.source_before != one.source_after  # rebuilt: nothing lies between
            and is_version(one.source_after, snapshot.family)
            and not matches(baseline.exclude, *names)
            and (not baseline.include or matches(baseline.include, *names))
            and (one.security or baseline.classification == "all")
        ):
            yield one


def _wanted(snapshot: Snapshot, one: Candidate) -> Wanted:
    return snapshot.family, one.source, one.source_after


def _unknown(offers: Mapping[Wanted, Any], knowledge: Knowledge, now: datetime) -> Iterator[Wanted]:
    families: tuple[Family, ...] = ("deb", "rpm")
    for family in families:
        wanted = {(source, version) for kind, source, version in offers if kind == family}
        for source, version in knowledge.unknown_changelogs(family, wanted, now):
            yield family, source, version


def _texts(rows: Any) -> Iterator[tuple[tuple[str, str], str]]:
    """((source, version), text) of each row of an answer; rows of other shapes are passed over."""
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping):
            text = row.get("text") or ""
            if isinstance(text, str):
                yield (str(row.get("source")), str(row.get("source_version"))), text
