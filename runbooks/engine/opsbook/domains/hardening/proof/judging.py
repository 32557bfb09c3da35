"""What became of each finding of one host, by the looks before and after the work there. Pure.

A look before is one that began no later than the work, a look after one from its end on. What
was found is what any source said to be open before. Then, in this order:

- any source that finds it afterwards: it remains; where our own scan, or the change itself, saw
  files as wanted and the running state not, it is not in effect;
- every source that found it looked again and does not find it: fixed, if somebody worked on it,
  else not reproducible;
- else the looks are not comparable, and the reason is told;
- what stands or is not comparable and is covered by a waiver is waived;
- what remains is told apart by why it does (``remaining``).

Whether one look proves anything about another is decided by ``store.comparison``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from opsbook.domains.hardening.proof.model import (
    BY_HAND,
    OWN,
    STANDING,
    Done,
    HostProof,
    Outcome,
    Proven,
)
from opsbook.domains.hardening.proof.remaining import told_apart
from opsbook.domains.hardening.store.comparison import Outcome as Became
from opsbook.domains.hardening.store.comparison import Why, since_failing
from opsbook.domains.hardening.store.keeping import micros
from opsbook.domains.hardening.store.matching import telling
from opsbook.domains.hardening.store.model import Finding, Sighting
from opsbook.domains.hardening.store.standing import (
    RESULTS,
    SEVERITIES,
    Judge,
    Taken,
    Word,
    comparable,
)
from opsbook.domains.hardening.store.store import Looked
from opsbook.domains.hardening.waivers.port import Waivers
from opsbook.model.finding import Result, Severity


def prove_host(
    host: str,
    findings: Iterable[Finding],
    looks: Sequence[Looked],
    done: Done,
    waivers: Waivers,
    now: datetime,
    chosen: Collection[str] | None = None,
) -> HostProof:
    """What became of ``findings`` (all of the host, with their sightings).

    ``chosen`` are digests of the files that are to count as looks after; None: all of them.
    """
    judging = _Host(looks, done, chosen)
    found = [one for finding in findings if (one := judging.proven(finding)) is not None]
    proven = told_apart([_waived(one, waivers, now) for one in found], done)
    return HostProof(host, done, proven, judging.before, judging.after)


def newest_of_each(looks: Iterable[Looked]) -> list[Looked]:
    """The newest look of each source: format, content and profile."""
    newest: dict[tuple[str, str, str], Looked] = {}
    for look in looks:
        taken = look.taken
        newest[taken.format, taken.content, taken.profile] = look
    return list(newest.values())


class _Host:
    """The looks at one host, those before its work and those after it."""

    def __init__(self, looks: Sequence[Looked], done: Done, chosen: Collection[str] | None) -> None:
        begun, ended = micros(done.begun), micros(done.ended)
        ordered = sorted(looks, key=lambda look: (look.taken.at, look.taken.number))
        self.before = tuple(look for look in ordered if look.taken.at <= begun)
        self.after = tuple(
            look for look in ordered
            if look.taken.at >= ended and look.taken.at > begun
            and (chosen is None or look.look.sha256 in chosen)
        )  # fmt: skip
        self._done = done
        self._was = Judge(look.taken for look in self.before)
        self._is = Judge(look.taken for look in self.after)
        self._of = {look.taken.number: look for look in ordered}

    def proven(self, finding: Finding) -> Proven | None:
        """What became of one finding; None: it was not there before, nor is it now."""
        before, after = self._said(finding, self.before), self._said(finding, self.after)
        finders = self._was.finders(_words(before))
        again = self._is.finders(_words(after))
        if not finders and not again:
            return None
        own = next((one for one in reversed(after) if one.scanner == OWN), None)
        opened = [one for one in before if one.result is Result.FAIL] if finders else []
        if finders:
            outcome, reason, look = self._became(finders, again, after)
        else:
            look = self._of[again[-1][1].number]
            outcome, reason = Outcome.NEW, self._new_because(look.taken)
        outcome = self._in_effect(finding, outcome, own)
        by = self._by(finding)
        if outcome is Outcome.FIXED and not by:
            outcome, reason = Outcome.NOT_REPRODUCIBLE, Why.NOTHING_DONE
        return Proven(
            finding=finding,
            outcome=outcome,
            severity=_gravest(_newest(opened) or _newest(after)),
            reason=reason,
            by=by,
            before=tuple(_newest(opened)),
            after=tuple(_newest(after)),
            retested=look.look if look else None,
            own=own,
        )

    def _said(self, finding: Finding, looks: Iterable[Looked]) -> list[Sighting]:
        numbers = {look.taken.number for look in looks}
        return [one for one in finding.sightings if one.look.scan in numbers]

    def _became(
        self,
        finders: Sequence[tuple[str, Taken]],
        again: Sequence[tuple[str, Taken]],
        after: Sequence[Sighting],
    ) -> tuple[Outcome, Why, Looked | None]:
        if again:
            return Outcome.REMAINING, Why.NONE, self._of[again[-1][1].number]
        said: dict[tuple[str, int], int] = {}
        for one in after:
            place = one.scanner, one.look.scan
            result = RESULTS.index(one.result)
            said[place] = min(result, said.get(place, result))
        found = [self._since(scanner, old, said) for scanner, old in finders]
        return next((one for one in found if one[0] is not Outcome.FIXED), found[-1])

    def _since(
        self, scanner: str, old: Taken, said: Mapping[tuple[str, int], int]
    ) -> tuple[Outcome, Why, Looked | None]:
        """What the looks after ``old`` of the same source say, the newest that says anything."""
        alike = [look for look in self.after if look.taken.format == old.format]
        same = [look for look in alike if comparable(old, look.taken) not in ("content", "profile")]
        if not same:
            return Outcome.NOT_COMPARABLE, _unlike(old, alike), alike[-1] if alike else None
        first = None
        for look in reversed(same):
            found = self._between(scanner, old, look, said.get((scanner, look.taken.number)))
            first = first or found
            if found[1] is not Why.CREDENTIALS:
                return found
        assert first is not None
        return first

    def _between(
        self, scanner: str, old: Taken, look: Looked, result: int | None
    ) -> tuple[Outcome, Why, Looked]:
        if not _same_host(self._of[old.number], look):
            return Outcome.NOT_COMPARABLE, Why.IDENTITY, look
        became, why = since_failing(scanner, result, old, look.taken)
        return Outcome(Became(became).value), why, look

    def _new_because(self, new: Taken) -> Why:
        """What was looked at otherwise before, if that may be why it was not found then."""
        alike = [look for look in self.before if look.taken.format == new.format]
        same = [look for look in alike if comparable(look.taken, new) not in ("content", "profile")]
        if not same:
            return _unlike(new, alike)
        return Why(comparable(same[-1].taken, new) or "")

    def _in_effect(self, finding: Finding, outcome: Outcome, own: Sighting | None) -> Outcome:
        """Told apart: what files say is as wanted, and what runs is not.

        Our own newest look counts; without one, what the change itself saw when it had ended.
        """
        if outcome is Outcome.NEW or finding.control is None:
            return outcome
        if own is not None:
            idle = own.result is Result.FAIL and own.more.get("not_in_effect") == "yes"
        else:
            verdict = self._done.verdicts.get(finding.control, {})
            idle = verdict.get("configured") is True and verdict.get("effective") is False
        return Outcome.NOT_IN_EFFECT if idle else outcome

    def _by(self, finding: Finding) -> str:
        if finding.key in self._done.by:
            return self._done.by[finding.key]
        return BY_HAND if finding.key in self._done.by_hand else ""


def _words(sightings: Iterable[Sighting]) -> list[Word]:
    return [
        Word(one.look.scan, one.scanner, RESULTS.index(one.result),
             SEVERITIES.index(one.severity), 0)
        for one in sightings
    ]  # fmt: skip


def _newest(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Of each scanner what its newest look said."""
    last: dict[tuple[str, str], int] = {}
    told = list(sightings)
    for one in told:
        last[one.scanner, one.look.format] = one.look.scan
    return [one for one in told if last[one.scanner, one.look.format] == one.look.scan]


def _gravest(sightings: Sequence[Sighting]) -> Severity:
    failing = [one for one in sightings if one.result is Result.FAIL] or sightings
    return min((one.severity for one in failing), key=SEVERITIES.index, default=Severity.UNKNOWN)


def _unlike(old: Taken, alike: Sequence[Looked]) -> Why:
    """Why no later look is of the same source."""
    if not alike:
        return Why.NOT_SCANNED
    kinds = {comparable(old, look.taken) for look in alike}
    return Why.PROFILE if "profile" in kinds else Why.CONTENT


def _same_host(before: Looked, after: Looked) -> bool:
    """Whether the scanner knew both hosts by at least one name or address; unknown is alike."""
    ours = set(telling(before.names, before.addresses))
    theirs = set(telling(after.names, after.addresses))
    return not ours or not theirs or bool(ours & theirs)


def _waived(one: Proven, waivers: Waivers, now: datetime) -> Proven:
    finding = one.finding
    waiver = waivers.covering(finding.host, finding.key, finding.location, now)
    if waiver is None:
        return one
    stands = one.outcome in (*STANDING, Outcome.NOT_COMPARABLE)
    return replace(one, waiver=waiver, outcome=Outcome.WAIVED if stands else one.outcome)
