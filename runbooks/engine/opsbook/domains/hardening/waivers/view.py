"""The store's findings as they stand when waivers are counted in.

An open finding that a waiver accepts is ``waived``; one whose waiver came to an end is open and
says which it was and why. Everything else is as the store has it: nothing is left out, and a
finding that was set right is fixed whatever was accepted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from opsbook.domains.hardening.store.comparison import Compared, Outcome
from opsbook.domains.hardening.store.model import Acceptance, Finding, State
from opsbook.domains.hardening.store.port import EVERYTHING_STANDING, STANDING, Findings, Wanted
from opsbook.domains.hardening.waivers.port import Waivers


class Counted(Findings, Protocol):
    """The store as faces ask it: findings, and numbers of them."""

    def numbers(self, estate: str, wanted: Wanted = EVERYTHING_STANDING) -> Mapping[str, int]:
        """How many findings of ``wanted`` there are, by severity."""
        ...

    def hosts(self, estate: str) -> Sequence[dict[str, Any]]:
        """Every host that was seen, with its ``states`` and its ``open`` by severity."""
        ...

    def places(self, estate: str, host: str, key: str) -> Sequence[str]:
        """Locations at which ``host`` has findings of ``key``."""
        ...


class WaivedFindings:
    """Implements :class:`opsbook.domains.hardening.store.port.Findings` at one moment, ``at``."""

    def __init__(self, findings: Findings, waivers: Waivers, at: datetime) -> None:
        self._findings = findings
        self._waivers = waivers
        self._at = at

    def of_host(
        self, estate: str, host: str, states: Collection[State] = STANDING
    ) -> Sequence[Finding]:
        """Findings of one host of the inventory with all their sightings, by key and location."""
        found = self._findings.of_host(estate, host, _stored(states))
        return [one for one in map(self._seen, found) if not states or one.state in states]

    def of_estate(self, estate: str, wanted: Wanted = EVERYTHING_STANDING) -> Iterator[Finding]:
        """Findings without their sightings, by host, key and location. There may be millions."""
        asked = replace(wanted, states=_stored(wanted.states))
        if set(wanted.states) == {State.WAIVED}:
            keys = _both(wanted.keys, self._waivers.keys())
            if keys is None:
                return
            asked = replace(asked, keys=keys)
        for one in map(self._seen, self._findings.of_estate(estate, asked)):
            if not wanted.states or one.state in wanted.states:
                yield one

    def one(self, estate: str, host: str, key: str, location: str = "") -> Finding | None:
        """One finding with all its sightings, also what passed; None when there is none."""
        found = self._findings.one(estate, host, key, location)
        return None if found is None else self._seen(found)

    def _seen(self, finding: Finding) -> Finding:
        keys = self._waivers.keys()
        spoken_of = keys is None or finding.key in keys
        if finding.state is not State.OPEN or not finding.known or not spoken_of:
            return finding
        place = (finding.host, finding.key, finding.location, self._at)
        accepted = self._waivers.covering(*place)
        if accepted is not None:
            return replace(finding, state=State.WAIVED, accepted=accepted)
        lapsed = self._waivers.lapsed(*place)
        return finding if lapsed is None else replace(finding, accepted=lapsed)


def accepting(
    compared: Iterable[Compared], waivers: Waivers, at: datetime
) -> Iterator[tuple[Compared, Acceptance | None]]:
    """``compared`` with the waivers by which they are accepted at ``at``; what is fixed needs none,
    and of hosts that are not in the inventory nothing is accepted.
    """
    keys = waivers.keys()
    for one in compared:
        spoken_of = one.known and (keys is None or one.key in keys)
        if not spoken_of or one.outcome is Outcome.FIXED:
            yield one, None
        else:
            yield one, waivers.covering(one.host, one.key, one.location, at)


class CountedView(WaivedFindings):
    """The same with numbers. Only what waivers speak of is looked at one by one."""

    def __init__(self, findings: Counted, waivers: Waivers, at: datetime) -> None:
        super().__init__(findings, waivers, at)
        self._counted = findings

    def numbers(self, estate: str, wanted: Wanted = EVERYTHING_STANDING) -> dict[str, int]:
        """How many findings of ``wanted`` there are, by severity."""
        states = set(wanted.states)
        stored = states - {State.WAIVED}
        found: Counter[str] = Counter()
        if stored or not states:
            found.update(self._counted.numbers(estate, replace(wanted, states=stored)))
        if states and (State.OPEN in states) is not (State.WAIVED in states):
            waived = Counter(
                str(one.severity)
                for one in self.of_estate(estate, replace(wanted, states=(State.WAIVED,)))
            )
            found = found - waived if State.OPEN in states else found + waived
        return {severity: number for severity, number in found.items() if number}

    def places(self, estate: str, host: str, key: str) -> Sequence[str]:
        """Locations at which ``host`` has findings of ``key``."""
        return self._counted.places(estate, host, key)

    def hosts(self, estate: str) -> list[dict[str, Any]]:
        """Every host that was seen; what is waived is told by severity and is not ``open``."""
        waived: dict[str, Counter[str]] = {}
        for one in self.of_estate(estate, Wanted(states=(State.WAIVED,))):
            waived.setdefault(one.host, Counter())[str(one.severity)] += 1
        rows = []
        for row in self._counted.hosts(estate):
            taken = waived.get(row["host"], Counter()) if row["known"] else Counter()
            rows.append(row | {"states": _moved(row["states"], taken.total()),
                               "open": dict(Counter(row["open"]) - taken),
                               "waived": dict(taken)})  # fmt: skip
        return rows


def _stored(states: Collection[State]) -> set[State]:
    """What the store is asked for: it knows of no waivers."""
    asked = set(states)
    return asked - {State.WAIVED} | {State.OPEN} if State.WAIVED in asked else asked


def _both(wanted: Collection[str], known: Collection[str] | None) -> Collection[str] | None:
    """Keys that are in both; an empty collection for any key, None for no key at all."""
    if known is None:
        return wanted
    return (set(wanted) & set(known) if wanted else set(known)) or None


def _moved(states: Mapping[str, int], waived: int) -> dict[str, int]:
    moved = {**states, str(State.OPEN): states.get(State.OPEN, 0) - waived,
             str(State.WAIVED): waived}  # fmt: skip
    return {state: number for state, number in moved.items() if number}
