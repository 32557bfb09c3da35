"""What is accepted on the chosen hosts, and what a form that is for all of them cannot carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from opsbook.domains.hardening.store.model import Acceptance, Finding, State
from opsbook.domains.hardening.store.port import Findings
from opsbook.model.estate import Estate
from opsbook.model.finding import Result
from opsbook.model.message import Message, msg

Rule = tuple[str, str]
"""A scanner's name space and its number."""

STILL_OPEN = msg("it is open on another of these hosts or at another place")


@dataclass(frozen=True, slots=True)
class Waived:
    """A finding that is accepted, and by what. ``rules`` are those by which scanners found it."""

    finding: Finding
    accepted: Acceptance
    rules: frozenset[Rule]


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that is accepted on ``hosts``, and the rules by which something else is open there."""

    estate: Estate
    at: datetime
    hosts: tuple[str, ...]
    waived: tuple[Waived, ...]
    open_rules: frozenset[Rule]
    open_keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Left:
    """What a form does not carry, and why."""

    host: str
    key: str
    why: Message


@dataclass(slots=True)
class Exported:
    """The ``text`` of a form, how many findings it carries, and what it does not."""

    text: str = ""
    carried: int = 0
    left: list[Left] = field(default_factory=list)

    def leave(self, one: Waived, why: Message) -> None:
        """``one`` is not carried."""
        self.left.append(Left(one.finding.host, one.finding.key, why))


Form = Callable[[Gathered], Exported]


def gather(findings: Findings, estate: Estate, hosts: Iterable[str], at: datetime) -> Gathered:
    """What ``findings`` (with waivers counted in) accept on ``hosts``, names of the inventory."""
    names = tuple(hosts)
    waived: list[Waived] = []
    rules: set[Rule] = set()
    keys: set[str] = set()
    for host in names:
        for one in findings.of_host(estate.name, host, (State.OPEN, State.WAIVED)):
            if one.state is State.WAIVED and one.accepted is not None:
                waived.append(Waived(one, one.accepted, _rules(one)))
            else:
                rules |= _rules(one)
                keys.add(one.key)
    return Gathered(estate, at, names, tuple(waived), frozenset(rules), frozenset(keys))


def remark(accepted: Acceptance, day: str) -> str:
    """A waiver in one line, for whoever meets it in another tool. ``day`` is its last."""
    told = {
        "waiver": accepted.change,
        "category": accepted.category,
        "reason": accepted.reason,
        "compensating": accepted.compensating,
        "owner": accepted.owner,
        "until": day,
    }
    return "; ".join(f"{name}: {plain(value)}" for name, value in told.items() if value)


def plain(text: str) -> str:
    """``text`` on one line, without control characters or anything that is no character."""
    return "".join(ch if ch.isprintable() else " " for ch in text).strip()


def last_day(accepted: Acceptance, estate: Estate) -> str:
    """The day in the estate up to the end of which (or to a moment of which) it stands."""
    return accepted.until.astimezone(estate.zone).isoformat(timespec="minutes")


def by_waiver(waived: Sequence[Waived]) -> Mapping[tuple[str, str], list[Waived]]:
    """What is accepted by (number of the waiver, key of the finding), in order."""
    found: dict[tuple[str, str], list[Waived]] = {}
    for one in waived:
        found.setdefault((one.accepted.change, one.finding.key), []).append(one)
    return dict(sorted(found.items()))


def _rules(finding: Finding) -> frozenset[Rule]:
    """Rules by which it was found; of what scanners told since then the newest counts."""
    newest = {(s.scanner, s.rule, s.location): s for s in finding.sightings}
    return frozenset((s.scanner, s.rule) for s in newest.values() if s.result is Result.FAIL)
