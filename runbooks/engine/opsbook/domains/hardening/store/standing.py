"""What the looks of all scanners make of one finding: pure rules, no database.

Only looks of one *source* are compared: the same scanner through the same format, with the same
content (benchmark, feed) and profile; also a look that found nothing at all. Of one source, in
the order of time:

- a look at which any row fails opens the finding;
- a later look that says it passes closes it, and so does one that does not mention it any more,
  if the scanner tells only what fails and its file could be read whole; a scanner that tells passes
  as well has not looked then;
- a look with fewer rights than the one that failed says nothing at all;
- a look with another version of the content, or one that finds the rule not applicable, proves
  nothing: the finding is then not reproducible. Where more than half of all rules did not apply,
  the look does not even say that.

A finding is open while any source says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from opsbook.domains.hardening.store.model import State
from opsbook.model.finding import Result, Severity

RESULTS = (
    Result.FAIL,
    Result.ERROR,
    Result.UNKNOWN,
    Result.NOT_CHECKED,
    Result.INFORMATIONAL,
    Result.PASS,
    Result.NOT_APPLICABLE,
)
"""Results by their number in the store; of two rows of one look the lesser number counts."""
SEVERITIES = tuple(Severity)
"""Severities by their number in the store, the gravest first."""

FAIL, PASS, NOT_APPLICABLE = (
    RESULTS.index(one) for one in (Result.FAIL, Result.PASS, Result.NOT_APPLICABLE)
)
QUIET = (PASS, NOT_APPLICABLE)
"""Results that alone make no finding."""
_MEANING = {
    Result.ERROR: State.UNDECIDED,
    Result.UNKNOWN: State.UNDECIDED,
    Result.NOT_CHECKED: State.UNDECIDED,
    Result.INFORMATIONAL: State.NOTED,
}
_GRAVITY = (State.OPEN, State.NOT_REPRODUCIBLE, State.FIXED, State.UNDECIDED, State.NOTED)


_Family = tuple[str, str, str]
_Source = tuple[str, _Family]


class Word(NamedTuple):
    """One row: the look it is of, and numbers of its result and severity, and its rule."""

    look: int
    scanner: str
    result: int
    severity: int
    rule: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A look at one host, as far as looks are compared. ``at`` is in microseconds since 1970.

    ``tallies`` counts its rows: scanner -> number of a result -> rows. ``whole`` is False when a
    part of what it told could not be read.
    """

    number: int
    at: int
    format: str = ""
    content: str = ""
    version: str = ""
    profile: str = ""
    credentialed: bool | None = None
    tallies: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    whole: bool = True

    def tells_passes(self, scanner: str) -> bool:
        """Whether it says of each rule how it stands, and not only what fails."""
        return bool(self.tallies.get(scanner, {}).get(PASS))

    def hardly_applies(self, scanner: str) -> bool:
        """Whether more than half of the rules had nothing to say of this host."""
        rows = self.tallies.get(scanner, {})
        return 2 * rows.get(NOT_APPLICABLE, 0) > sum(rows.values())


class Standing(NamedTuple):
    """How one finding stands; times in microseconds since 1970, ``rule`` is the one that tells."""

    state: State
    severity: int
    rule: int
    first: int
    last: int


class Judge:
    """Knows all looks at one host; ``simple`` when no two of them are of one source."""

    def __init__(self, looks: Iterable[Taken]) -> None:
        ordered = sorted(looks, key=lambda look: (look.at, look.number))
        self._looks = {look.number: look for look in ordered}
        self._families: dict[_Family, list[Taken]] = {}
        for look in ordered:
            self._families.setdefault(_family(look), []).append(look)
        self.simple = all(len(looks) == 1 for looks in self._families.values())

    def standing(self, words: Sequence[Word]) -> Standing | None:
        """What ``words``, all that was ever said of one finding, come to; None: there is none."""
        if self.simple and len(words) == 1:
            return self._single(words[0])
        states = {one: self._state(one, said) for one, said in self._by_source(words).items()}
        found = [state for state in _GRAVITY if state in states.values()]
        return self._told(words, states, found[0]) if found else None

    def finders(self, words: Sequence[Word]) -> list[tuple[str, Taken]]:
        """Who says that it is open: scanners, and the newest look of each at which it failed."""
        found = []
        for source, said in self._by_source(words).items():
            if self._state(source, said) is State.OPEN:
                scanner, family = source
                failed = [one for one in self._families[family] if said.get(one.number) == FAIL]
                found.append((scanner, failed[-1]))
        return found

    def _single(self, word: Word) -> Standing | None:
        state = State.OPEN if word.result == FAIL else _MEANING.get(RESULTS[word.result])
        at = self._looks[word.look].at
        return None if state is None else Standing(state, word.severity, word.rule, at, at)

    def _state(self, source: _Source, said: Mapping[int, int]) -> State | None:
        scanner, family = source
        looks = self._families[family]
        if len(looks) == 1:
            result = said[looks[0].number]
            return State.OPEN if result == FAIL else _MEANING.get(RESULTS[result])
        state: State | None = None
        failed: Taken | None = None
        for look in looks:
            result = said.get(look.number, -1)
            if result == FAIL:
                state, failed = State.OPEN, look
            elif failed is None:
                state = state if result < 0 else _MEANING.get(RESULTS[result])
            elif state is not State.FIXED:
                state = _after_failing(failed, look, scanner, result) or state
        return state

    def _told(
        self,
        words: Sequence[Word],
        states: Mapping[_Source, State | None],
        state: State,
    ) -> Standing:
        """Times over all that failed (of what never failed: that said the gravest), severity and
        rule by those that make it stand as it does.
        """
        least = min(word.result for word in words)
        telling = [word for word in words if word.result == least]
        times = [self._looks[word.look].at for word in telling]
        now = [word for word in telling if states[self._source(word)] is state] or telling
        newest: dict[_Source, int] = {}
        for word in now:
            source, look = self._source(word), self._looks[word.look]
            newest[source] = max(newest.get(source, look.at), look.at)
        now = [w for w in now if self._looks[w.look].at == newest[self._source(w)]]
        gravest = min(now, key=lambda word: word.severity)
        return Standing(state, gravest.severity, gravest.rule, min(times), max(times))

    def _by_source(self, words: Iterable[Word]) -> dict[_Source, dict[int, int]]:
        """What each source said at which look, the least result of several."""
        told: dict[_Source, dict[int, int]] = {}
        for word in words:
            said = told.setdefault(self._source(word), {})
            said[word.look] = min(word.result, said.get(word.look, word.result))
        return told

    def _source(self, word: Word) -> _Source:
        return word.scanner, _family(self._looks[word.look])


def _family(look: Taken) -> _Family:
    return look.format, look.content, look.profile


def _after_failing(failed: Taken, look: Taken, scanner: str, result: int) -> State | None:
    """What ``look`` makes of what ``failed``; None: it changes nothing. ``result`` -1: not told."""
    if comparable(failed, look) == "credentials":
        return None
    silent = result < 0 and look.whole and not look.tells_passes(scanner)
    gone = result == PASS or silent
    if gone:
        return State.FIXED if comparable(failed, look) is None else State.NOT_REPRODUCIBLE
    if result == NOT_APPLICABLE and not look.hardly_applies(scanner):
        return State.NOT_REPRODUCIBLE
    return None


def comparable(before: Taken, after: Taken) -> str | None:
    """None when ``after`` can prove what became of ``before``, else what differs: ``content``
    (other rules), ``profile`` (another choice of the same rules), ``credentials`` (fewer rights,
    or they are not told), ``version`` (other version of the rules).
    """
    if before.content != after.content:
        return "content"
    if before.profile != after.profile:
        return "profile"
    fewer = after.credentialed is not True and before.credentialed is not after.credentialed
    if fewer and before.credentialed is not False:
        return "credentials"
    return None if before.version == after.version else "version"
