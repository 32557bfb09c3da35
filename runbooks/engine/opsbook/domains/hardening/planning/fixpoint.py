"""From chosen controls to work that leaves no surprise behind. Pure.

Steps of all chosen controls are made plain and looked at together: what would lock us out or is at
odds with something graver is left to people; packages that come bring the controls of the same
baseline that were waiting for them, until nothing new comes; and every control that holds now is
judged again on what it will see afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from opsbook.domains.hardening.controls.judge import judge, offenders
from opsbook.domains.hardening.controls.observed import Answers, Observation
from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.planning.choice import (
    Aside,
    Candidate,
    Choice,
    Host,
    aside_of,
    not_chosen,
    refused,
)
from opsbook.domains.hardening.planning.claims import (
    ABSENT,
    PRESENT,
    Claims,
    Thing,
    at_odds,
    claims_of,
    named,
    packages,
)
from opsbook.domains.hardening.planning.lockout import lockout, unknown
from opsbook.domains.hardening.planning.resolving import Given, Unresolved, empty, resolved
from opsbook.domains.hardening.planning.way import Way
from opsbook.model.finding import Result
from opsbook.model.message import Message, msg

_NARROWEST = ("cis_l1", "cis_l2", "mlps_3")
"""Baselines from the narrowest on: CIS level 2 holds level 1."""

_GRAVEST = ("high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Work:
    """One control to be set right: its plain steps, and what they settle."""

    one: Candidate
    values: Mapping[str, Any]
    steps: tuple[dict[str, Any], ...]
    claims: Claims

    @property
    def control(self) -> Control:
        """The control as it is in the host's family."""
        return self.one.control

    @property
    def rank(self) -> tuple[int, str]:
        """The gravest first."""
        return _GRAVEST.index(self.control.severity), self.control.key


@dataclass(frozen=True, slots=True)
class Settled:
    """All work on one host, by key, what is not done, and what an approver must know."""

    works: tuple[Work, ...]
    asides: tuple[Aside, ...]
    notes: tuple[Message, ...]


def settle(
    host: Host, choice: Choice, way: Way, *, local: bool, cannot: Sequence[Aside] = ()
) -> Settled:
    """Bring ``choice`` to the point at which nothing new comes of it.

    ``cannot`` are controls of which the host has said that they cannot be set right there.
    """
    works: dict[str, Work] = {}
    asides = {(aside.kind, aside.key): aside for aside in (*choice.asides, *cannot)}
    seen = {aside.key for aside in cannot}
    waiting = {aside.key for aside in choice.asides if aside.kind == "not_applicable"}
    wave: Sequence[Candidate] = [one for one in choice.taken if one.control.key not in seen]
    while wave:
        for one in wave:
            seen.add(one.control.key)
            made = refused(one, host) or _work(one, host, way, local=local)
            asides.pop(("not_applicable", one.control.key), None)
            _put(made, works, asides)
        for aside in _reconcile(works):
            asides[aside.kind, aside.key] = aside
        wave = [one for one in _brought(host, works, waiting) if one.control.key not in seen]
    ordered = tuple(works[key] for key in sorted(works))
    return Settled(ordered, tuple(asides.values()), tuple(_surprises(host, works)))


def _put(made: Work | Aside, works: dict[str, Work], asides: dict[tuple[str, str], Aside]) -> None:
    if isinstance(made, Work):
        works[made.control.key] = made
    else:
        asides[made.kind, made.key] = made


def _work(one: Candidate, host: Host, way: Way, *, local: bool) -> Work | Aside:
    """A control with its steps made plain, or why it is left to people."""
    values = host.values(one.control.key)
    try:
        steps = _steps(one.control, one.answers, values, host.told.family)
    except Unresolved as error:
        return aside_of(one, "value", error.why)
    if not steps:
        if one.verdict.result is Result.PASS:
            return aside_of(one, "as_wanted", msg("its check sees it as it should be"))
        return aside_of(
            one, "unknown", msg("its check names nothing there that it could set right")
        )
    locked = lockout(steps, values, way)
    if locked is None and one.control.risk.lockout:
        locked = unknown(way, local=local)
    if locked is not None:
        return aside_of(one, "lockout", msg("it would lock opsbook out: {why}", why=locked))
    return Work(one, values, steps, claims_of(steps))


def _steps(
    control: Control, answers: Answers, values: Mapping[str, Any], family: str
) -> tuple[dict[str, Any], ...]:
    def saw(name: str) -> list[str]:
        return [one.of or one.value for one in offenders(control, answers, name, values)]

    given = Given(values, saw, family)
    plain = (resolved({"kind": step.kind, **step.stated}, given) for step in control.steps)
    return tuple(step for step in plain if not empty(step))


def _reconcile(works: dict[str, Work]) -> Iterator[Aside]:
    """Take out of ``works`` what cannot hold beside something graver."""
    for first, second in combinations(sorted(works.values(), key=lambda work: work.rank), 2):
        one, other = works.get(first.control.key), works.get(second.control.key)
        if one is None or other is None:
            continue
        for thing in at_odds(one.claims, other.claims):
            if _accepts(other, thing, one.claims[thing]):
                works[other.control.key] = other = _yielding(other, thing, one.claims[thing])
            elif _accepts(one, thing, other.claims[thing]):
                works[one.control.key] = one = _yielding(one, thing, other.claims[thing])
            else:
                del works[other.control.key]
                yield aside_of(other.one, "conflict", msg(
                    "it cannot hold beside {control}: both settle {thing}",
                    control=one.control.key, thing=named(thing),
                ))  # fmt: skip
                break
    gone = packages(_all_claims(works.values()), ABSENT)
    for work in list(works.values()):
        lost = gone & set(work.control.needs.packages) - packages(work.claims, ABSENT)
        if lost:
            del works[work.control.key]
            yield aside_of(work.one, "conflict", msg(
                "this plan removes the package {name} that it is about", name=min(lost)
            ))  # fmt: skip


def _accepts(work: Work, thing: Thing, value: str) -> bool:
    """Whether the control of ``work`` would be content with ``value``, going by its rules, and
    its steps that settle ``thing`` settle nothing else.
    """
    if any(thing in (own := claims_of([step])) and len(own) > 1 for step in work.steps):
        return False
    rules = _rules(work.control, work.values, work.claims[thing])
    return bool(rules) and all(
        work.control.expect[name].holds([value], work.values) for name in rules
    )


def _rules(control: Control, values: Mapping[str, Any], own: str) -> list[str]:
    """The observations that show what a step sets: their rules take the step's ``own`` value."""
    return [name for name, rule in control.expect.items() if rule.holds([own], values)]


def _yielding(work: Work, thing: Thing, value: str) -> Work:
    """``work`` leaving it to another control to bring ``thing`` to ``value``."""
    steps = tuple(step for step in work.steps if thing not in claims_of([step]))
    return replace(work, steps=steps, claims=work.claims | {thing: value})


def _all_claims(works: Iterable[Work]) -> Claims:
    return {thing: value for work in works for thing, value in work.claims.items()}


def _brought(host: Host, works: Mapping[str, Work], asked: set[str]) -> Iterator[Candidate]:
    """Controls that were not applicable for want of packages which ``works`` install: those that
    are ``asked`` for, and those of the baseline that installs them.
    """
    missing = {word.partition(":")[2] for answers in host.told.controls.values()
               if (word := answers.not_applicable).startswith("package:")}  # fmt: skip
    for work in works.values():
        coming = packages(work.claims, PRESENT)
        scope = next((name for name in _NARROWEST if name in work.control.baselines), None)
        for key, control in host.controls.items():
            wants = set(control.needs.packages)
            waiting = host.answers(key).not_applicable.startswith("package:")
            enough = wants & coming and not (wants & missing) - coming
            if waiting and enough and (key in asked or scope in control.baselines):
                found = [finding for finding in host.findings if finding.control == key]
                yield host.candidate(key, *found, brought=min(wants & coming))
            own = installs(control) & coming
            one = host.candidate(key, brought=min(own, default=""))
            if own and one.verdict.result is Result.FAIL and scope in control.baselines:
                yield one  # scanners look at it once the package is there


def installs(control: Control) -> set[str]:
    """The packages that the control's own steps bring, as far as the family does not matter."""
    steps = [step.stated for step in control.steps if step.kind == "package"]
    return {name for stated in steps if stated.get("state") == PRESENT
            for name in stated["names"] if isinstance(stated["names"], (list, tuple))}  # fmt: skip


def _surprises(host: Host, works: Mapping[str, Work]) -> Iterator[Message]:
    """Controls that hold now and will not afterwards, judged on what they will see."""
    causes = {thing: work for work in works.values() for thing in work.claims}
    for key, control in sorted(host.controls.items()):
        one = host.candidate(key)
        if key in works or one.verdict.result is not Result.PASS or not_chosen(one, host):
            continue
        for thing in _undone(one, host, causes):
            cause = causes[thing]
            yield msg(
                "{control} holds now and may not afterwards: {cause} brings {thing} to {value}",
                control=control.key, cause=cause.control.key, thing=named(thing),
                value=cause.claims[thing][:100],
            )  # fmt: skip


def _undone(one: Candidate, host: Host, causes: Mapping[Thing, Work]) -> Iterator[Thing]:
    values = host.values(one.control.key)
    try:
        own = claims_of(_steps(one.control, one.answers, values, host.told.family))
    except Unresolved:
        return
    for thing in own.keys() & causes.keys():
        value = causes[thing].claims[thing]
        if value != own[thing]:
            rules = _rules(one.control, values, own[thing])
            foreseen = _foreseen(one.answers, rules, value)
            if not rules or judge(one.control, foreseen, values).result is not Result.PASS:
                yield thing


def _foreseen(answers: Answers, names: Iterable[str], value: str) -> Answers:
    """What the check will see: ``value`` in the observations called ``names``."""
    seen = dict(answers.seen) | {name: [Observation(value)] for name in names}
    return Answers(seen, answers.cannot, answers.not_applicable, answers.ran, answers.cut)
