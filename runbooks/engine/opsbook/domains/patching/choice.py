"""Which candidates of a host are taken, and why each of the others is left out. Pure.

Every candidate ends in exactly one of the two lists. All binary packages of one source and version
wait for the youngest of them, and what needs a package that is left out is left out as well, so
that what is taken can be installed without anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.domains.patching.baseline import Baseline, matches
from opsbook.domains.patching.knowledge.fixes import Fix, Known, worst_of
from opsbook.domains.patching.knowledge.severity import reaches
from opsbook.domains.patching.seen import Key, Seen, key_of
from opsbook.domains.patching.snapshot import Candidate, Snapshot
from opsbook.domains.patching.soak import Soak, soak
from opsbook.model.message import Message, msg


@dataclass(frozen=True, slots=True)
class Taken:
    """A candidate that is planned: the CVEs it closes, and how it stands to the soak time."""

    candidate: Candidate
    fixes: tuple[Fix, ...]
    soak: Soak

    @property
    def severity(self) -> str:
        """The worst of what it closes; "" when that is not known."""
        return worst_of(self.fixes)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A candidate that is not planned. ``why`` is one word for machines, ``reason`` for people."""

    candidate: Candidate
    why: str
    reason: Message

    def to_json(self) -> dict[str, Any]:
        """As kept in plans."""
        return {
            "package": self.candidate.package,
            "arch": self.candidate.arch,
            "from": self.candidate.before,
            "to": self.candidate.after,
            "why": self.why,
            "reason": self.reason.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """Both lists, each in the order of package names."""

    taken: tuple[Taken, ...]
    left_out: tuple[LeftOut, ...]


def choose(
    snapshot: Snapshot,
    baseline: Baseline,
    known: Known,
    seen: Mapping[Key, Seen],
    now: datetime,
) -> Choice:
    """Decide about every candidate of ``snapshot``. ``seen`` has a sighting of each of them."""
    weighed = [_weigh(one, snapshot, baseline, known, seen, now) for one in snapshot.candidates]
    out = {one.candidate.name: left for one in weighed if (left := _refused(one, baseline))}
    taken = [one for one in weighed if one.candidate.name not in out]
    for one in taken:
        if left := _soaking(one, taken):
            out[one.candidate.name] = left
    _leave_dependents(taken, out)
    return Choice(
        tuple(one for one in taken if one.candidate.name not in out),
        tuple(out[name] for name in sorted(out)),
    )


def _weigh(
    candidate: Candidate,
    snapshot: Snapshot,
    baseline: Baseline,
    known: Known,
    seen: Mapping[Key, Seen],
    now: datetime,
) -> Taken:
    fixes = known.fixes(
        snapshot.codename,
        candidate.source,
        candidate.source_before,
        candidate.source_after,
        snapshot.family,
    )
    cves = [fix.cve for fix in fixes]
    sighting = seen[key_of(candidate)]
    return Taken(
        candidate, fixes, soak(sighting, now, baseline.soak_days, cves, baseline.override_cves)
    )


def _refused(one: Taken, baseline: Baseline) -> LeftOut | None:
    """Why ``one`` is left out for its own sake, soak time apart; None when it is not."""
    candidate = one.candidate
    if candidate.why:
        return LeftOut(candidate, candidate.why, _kept_back(candidate))
    if not candidate.sha256:
        return LeftOut(candidate, "digest", msg("the package lists have no SHA-256 of it"))
    if matches(baseline.exclude, candidate.package, candidate.source):
        return LeftOut(candidate, "excluded", msg("excluded by the baseline"))
    if baseline.include and not matches(baseline.include, candidate.package, candidate.source):
        return LeftOut(candidate, "not_included", msg("not among what the baseline includes"))
    if baseline.classification == "security" and not candidate.security:
        return LeftOut(candidate, "not_security", msg("no security update"))
    if not _severe(one, baseline):
        why = msg("below the severity {floor}: {severity}",
                  floor=baseline.severity, severity=one.severity or "-")  # fmt: skip
        return LeftOut(candidate, "severity", why)
    return None


def _severe(one: Taken, baseline: Baseline) -> bool:
    """What nobody has rated yet is not left out for it."""
    rated = all(fix.severity for fix in one.fixes) and (one.fixes or not one.candidate.security)
    return not rated or reaches(one.severity, baseline.severity)


def _kept_back(candidate: Candidate) -> Message:
    if candidate.why == "held":
        return msg("held on the host")
    if candidate.why == "needs":
        packages = ", ".join(candidate.needs) or "-"
        return msg("would add or remove other packages: {packages}", packages=packages)
    if candidate.why == "phased":
        return msg("the archive gives it to a part of all hosts first")
    return msg("kept back by the package manager")


def _soaking(one: Taken, taken: Iterable[Taken]) -> LeftOut | None:
    """Why ``one`` must wait: it, or a package of the same source and version, is too young."""
    same = (one.candidate.source, one.candidate.source_after)
    young = [
        other.soak
        for other in taken
        if (other.candidate.source, other.candidate.source_after) == same and not other.soak.passes
    ]
    if not young:
        return None
    last = max(young, key=lambda soak: (soak.ready, soak.event))
    reason = msg(
        "soaking: first seen {since} (event {event}), ready {ready}",
        since=_day(last.since), event=last.event, ready=_day(last.ready),
    )  # fmt: skip
    return LeftOut(one.candidate, "soaking", reason)


def _leave_dependents(taken: Iterable[Taken], out: dict[str, LeftOut]) -> None:
    """Leave out what requires something that is left out, until nothing does."""
    taken = list(taken)
    again = True
    while again:
        again = False
        for one in taken:
            missing = [name for name in one.candidate.requires if name in out]
            if missing and one.candidate.name not in out:
                reason = msg("needs {package}, which is left out", package=missing[0])
                out[one.candidate.name] = LeftOut(one.candidate, "requires", reason)
                again = True


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%MZ")
