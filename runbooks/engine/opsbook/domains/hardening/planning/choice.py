"""Which controls a host gets, and what is left to people. Pure.

Nothing that a scanner found is dropped: a finding becomes a control that is done, or an
:class:`Aside` that says why not and what a person can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from opsbook.domains.hardening.controls.judge import Verdict, judge
from opsbook.domains.hardening.controls.observed import Answers, HostAnswers
from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.planning.wishes import FINDINGS, Wish, options
from opsbook.domains.hardening.store.model import Acceptance, Finding, State
from opsbook.model.finding import Result
from opsbook.model.message import Message, msg

LEFT_OUT = ("waived", "excluded", "not_applicable", "other_choice", "as_wanted")
"""Kinds of asides that ask nobody for anything; the others are left to be done by hand."""

LONGEST = 1000
"""Characters of a scanner's own text that a plan carries."""


@dataclass(frozen=True, slots=True)
class Aside:
    """What is not done by this plan: ``kind`` in one word, and why in words.

    ``remedy`` is what the scanner says is to be done, as it says it.
    """

    kind: str
    reason: Message
    key: str = ""
    title: Message | str = ""
    severity: str = ""
    remedy: str = ""

    @property
    def by_hand(self) -> bool:
        """Whether it is left to people."""
        return self.kind not in LEFT_OUT

    def to_json(self) -> dict[str, Any]:
        """As kept in plans."""
        title = self.title.to_json() if isinstance(self.title, Message) else self.title
        return {
            "kind": self.kind,
            "key": self.key,
            "title": title,
            "severity": self.severity,
            "reason": self.reason.to_json(),
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """A control to be set right here, as it is in the host's family, and why: ``findings``, a
    baseline, or a package that ``brought`` it.
    """

    control: Control
    verdict: Verdict
    answers: Answers
    findings: tuple[Finding, ...] = ()
    brought: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """One host as planning sees it: what its checks told, and what is asked for there.

    ``controls`` are all of the catalogue, as they are in the host's family; ``accepted`` are
    waivers by the controls that they accept here, whether a scanner found them or not.
    """

    name: str
    estate: str
    controls: Mapping[str, Control]
    told: HostAnswers
    wish: Wish
    findings: Sequence[Finding] = ()
    accepted: Mapping[str, Acceptance] = field(default_factory=dict)

    def answers(self, key: str) -> Answers:
        """What was told of a control; a check that told nothing did not come to its end."""
        return self.told.controls.get(key) or Answers()

    def values(self, key: str) -> dict[str, Any]:
        """The values in force for a control."""
        return self.controls[key].site_values(self.wish.values.get(key, {}))

    def candidate(self, key: str, *findings: Finding, brought: str = "") -> Candidate:
        """A control with what its check said here."""
        control, answers = self.controls[key], self.answers(key)
        verdict = judge(control, answers, self.values(key))
        return Candidate(control, verdict, answers, findings, brought)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen of everything that was found."""

    taken: tuple[Candidate, ...]
    asides: tuple[Aside, ...] = field(default=())


def choose(host: Host) -> Choice:
    """The controls to be set right on ``host``, by what scanners found or by a baseline."""
    found = list(_found(host) if host.wish.baseline == FINDINGS else _of_baseline(host))
    taken: list[Candidate] = []
    asides: list[Aside] = []
    for one in found:
        aside = refused(one, host)
        if aside is None:
            taken.append(one)
        else:
            asides.append(aside)
    return Choice(tuple(taken), (*asides, *_others(host)))


def unreached(host: Host) -> tuple[Aside, ...]:
    """Everything that was found on a host that opsbook cannot change, for people to do."""
    why = msg("opsbook cannot change this host")
    found = (one for one in _found(host) if any(f.state is State.OPEN for f in one.findings))
    return (*(aside_of(one, "by_hand", why) for one in found), *_others(host))


def refused(one: Candidate, host: Host) -> Aside | None:
    """Why a control is not set right here, by what is known before its steps are looked at."""
    waived = next((f for f in host.findings
                   if f.state is State.WAIVED and f.control == one.control.key), None)  # fmt: skip
    accepted = host.accepted.get(one.control.key)
    if accepted or waived:
        by = accepted or (waived.accepted if waived else None)
        return aside_of(one, "waived", _accepted(by))
    why = host.wish.refuses(one.control)
    if why is not None:
        return aside_of(one, "excluded", why)
    if one.verdict.result is Result.NOT_APPLICABLE and not one.brought:
        return aside_of(one, "not_applicable", one.verdict.why or msg("it does not apply here"))
    return not_chosen(one, host) or _by_hand(one) or _unseen(one)


def _accepted(by: Acceptance | None) -> Message:
    """For how long, by which waiver and why it is left as it is."""
    if by is None:
        return msg("it is accepted for a while (waiver)")
    return msg("accepted until {until} by waiver {change}: {reason}",
               until=by.last_day(UTC).isoformat(), change=by.change, reason=by.reason)  # fmt: skip


def not_chosen(one: Candidate, host: Host) -> Aside | None:
    """Whether it is one of several ways of which another, or none yet, was chosen."""
    choice = one.control.choice
    if choice is None:
        return None
    chosen = host.wish.choices.get(choice.group)
    if chosen is None:
        ways = ", ".join(options(host.controls, choice.group, host.told.family))
        return aside_of(one, "asked", msg(
            "choose one of {ways} with --set {group}=..., or in the variable opsbook_hardening",
            ways=ways, group=choice.group,
        ))  # fmt: skip
    if chosen != choice.option:
        return aside_of(one, "other_choice", msg("{option} was chosen here", option=chosen))
    return None


def aside_of(one: Candidate, kind: str, reason: Message) -> Aside:
    """An aside about a control, with what the scanner that found it says is to be done."""
    control = one.control
    remedy = next(filter(None, map(_remedy, one.findings)), "")
    return Aside(kind, reason, control.key, control.title.message(), control.severity, remedy)


def _found(host: Host) -> Iterator[Candidate]:
    by_key: dict[str, list[Finding]] = {}
    for finding in host.findings:
        if finding.control in host.controls and finding.state in (State.OPEN, State.WAIVED):
            by_key.setdefault(str(finding.control), []).append(finding)
    for key in sorted(by_key):
        yield host.candidate(key, *by_key[key])


def _of_baseline(host: Host) -> Iterator[Candidate]:
    """Controls of the baseline that do not hold; ways that were not chosen are no part of it."""
    for key, control in sorted(host.controls.items()):
        if host.wish.baseline in control.baselines:
            one = host.candidate(key)
            if one.verdict.result is not Result.PASS:
                yield one


def _by_hand(one: Candidate) -> Aside | None:
    control = one.control
    if control.steps:
        return None
    why = control.by_hand.message() if control.by_hand else msg("there is no step for it")
    return aside_of(one, "by_hand", why)


def _unseen(one: Candidate) -> Aside | None:
    if one.brought or one.verdict.result in (Result.FAIL, Result.PASS):
        return None
    return aside_of(one, "unknown", msg(
        "it could not be looked at: {reason}", reason=one.verdict.why or msg("it does not say why")
    ))  # fmt: skip


def _others(host: Host) -> Iterator[Aside]:
    """Findings that no control covers; known vulnerabilities all at once."""
    others = [finding for finding in host.findings if finding.control not in host.controls]
    cves = [f for f in others if f.cve is not None and f.state is State.OPEN]
    yield from _vulnerabilities(cves, host)
    for finding in others:
        if finding.state is State.WAIVED:
            yield _about(finding, "waived", _accepted(finding.accepted))
        elif finding.state is State.OPEN and finding.cve is None:
            yield _about(finding, "not_covered", msg("no control covers it"))


def _vulnerabilities(found: Sequence[Finding], host: Host) -> Iterator[Aside]:
    if not found:
        return
    ids = sorted({str(finding.cve) for finding in found})
    gravest = min(found, key=lambda finding: _GRAVITY.index(str(finding.severity)))
    yield Aside(
        "cve",
        msg("closed by patching: opsbook plan patching -e {estate} -l {host} --reason \"{cves}\"",
            estate=host.estate, host=host.name, cves=_few(ids)),
        key="cve",
        title=msg("{number} known vulnerabilities", number=len(ids)),
        severity=str(gravest.severity),
    )  # fmt: skip


_GRAVITY = ("critical", "high", "medium", "low", "info", "unknown")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" +{len(names) - 5}" if len(names) > 5 else "")


def _about(finding: Finding, kind: str, reason: Message) -> Aside:
    title = f"{finding.title} [{finding.location}]" if finding.location else finding.title
    return Aside(kind, reason, finding.key, title[:LONGEST], str(finding.severity),
                 _remedy(finding))  # fmt: skip


def _remedy(finding: Finding) -> str:
    told: Iterable[str] = (sighting.remedy for sighting in reversed(finding.sightings))
    return next(filter(None, told), "")[:LONGEST]
