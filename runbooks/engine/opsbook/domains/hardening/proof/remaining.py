"""Why what was found remains: what the change left to do, told apart from everything else. Pure.

Nothing is guessed: the classes come from what the plan said of a finding when it was approved
(``manual`` and ``left_out``), from what the change saw at its end, and from our own later scan.
One rule of a scanner may sum several controls (Lynis FILE-7524: the modes of many files). It fails
until the last of them holds, and passes for all of them at once:

- a control that holds while others of its rule do not is ``partly`` closed, and they are named;
- a finding whose rule passes because something was done about another control of it is fixed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from opsbook.domains.hardening.proof.history import WORKED
from opsbook.domains.hardening.proof.model import (
    BY_HAND,
    OWN,
    Done,
    Left,
    Outcome,
    PlanAside,
    Proven,
    Remains,
)
from opsbook.domains.hardening.store.comparison import Why
from opsbook.domains.hardening.store.model import Sighting
from opsbook.model.finding import Result
from opsbook.model.message import Message, msg

_CLASSES: Mapping[str, Left] = {
    "not_applicable": Left.NOT_APPLICABLE,
    "excluded": Left.CHOSEN_OTHERWISE,
    "other_choice": Left.CHOSEN_OTHERWISE,
    "conflict": Left.CHOSEN_OTHERWISE,
    "waived": Left.CHOSEN_OTHERWISE,
    "asked": Left.MANUAL,
    "by_hand": Left.MANUAL,
    "cve": Left.MANUAL,
    "lockout": Left.MANUAL,
    "not_covered": Left.MANUAL,
    "value": Left.MANUAL,
}
"""Class by the kind of a plan's aside; of every other kind it is residual."""

_AS_WANTED = "as_wanted"

_Rule = tuple[str, str]


def told_apart(proven: Sequence[Proven], done: Done) -> tuple[Proven, ...]:
    """``proven``, all of one host, each that remains with why; what one rule closed is fixed."""
    workers = {rule: one.by for one in proven if one.by not in ("", BY_HAND)
               for rule in _failing(one.before)}  # fmt: skip
    fixed = [_closed_with(one, workers) for one in proven]
    still_open: defaultdict[_Rule, set[str]] = defaultdict(set)
    for one in fixed:
        if not _holds(one, done):
            for rule in _failing(one.after):
                still_open[rule].add(one.finding.control or one.finding.key)
    return tuple(
        replace(one, remains=_remains(one, done, still_open))
        if one.outcome is Outcome.REMAINING else one
        for one in fixed
    )  # fmt: skip


def _closed_with(one: Proven, workers: Mapping[_Rule, str]) -> Proven:
    if one.outcome is not Outcome.NOT_REPRODUCIBLE or one.reason is not Why.NOTHING_DONE:
        return one
    by = [workers.get(rule, "") for rule in sorted(_failing(one.before))]
    if not by or not all(by):
        return one
    return replace(one, outcome=Outcome.FIXED, reason=Why.NONE, by=by[0])


def _failing(sightings: Sequence[Sighting]) -> set[_Rule]:
    """Rules of other scanners than ourselves that fail."""
    return {(one.scanner, one.rule) for one in sightings
            if one.result is Result.FAIL and one.scanner != OWN}  # fmt: skip


def _holds(one: Proven, done: Done) -> bool:
    """Whether its own check sees it as it should be: afterwards, at the end, else when planned."""
    if one.own is not None:
        return one.own.result is Result.PASS
    verdict = done.verdicts.get(one.finding.control or "")
    if verdict is not None:
        return verdict.get("result") == Result.PASS
    aside = _aside(one, done)
    return aside is not None and aside.kind == _AS_WANTED


def _remains(one: Proven, done: Done, still_open: Mapping[_Rule, set[str]]) -> Remains:
    aside = _aside(one, done)
    if aside is not None and aside.kind in _CLASSES:
        return Remains(_CLASSES[aside.kind], aside.reason)
    rules = _failing(one.after)
    if rules and _holds(one, done):
        return _summed(one, rules, still_open)
    return Remains(Left.RESIDUAL, _residual(one, done, aside))


def _summed(one: Proven, rules: set[_Rule], still_open: Mapping[_Rule, set[str]]) -> Remains:
    """What holds by its own check and fails by the rule of a scanner."""
    words = ", ".join(f"{scanner} {rule}" for scanner, rule in sorted(rules))
    others = [still_open.get(rule, set()) - {one.finding.control} for rule in rules]
    if not all(others):
        return Remains(Left.RESIDUAL, msg("its own check passes, and {rules} fails", rules=words))
    names = tuple(sorted({str(name) for each in others for name in each}))
    reason = msg("done; {rules} sums several and waits for {controls}",
                 rules=words, controls=", ".join(names))  # fmt: skip
    return Remains(Left.PARTLY, reason, names)


def _residual(one: Proven, done: Done, aside: PlanAside | None) -> Message:
    control = one.finding.control or one.finding.key
    if aside is not None and aside.kind != _AS_WANTED:
        return aside.reason
    if done.outcome not in WORKED:
        return msg("the work on the host does not stand: {outcome}", outcome=done.outcome or "-")
    if not one.by:
        return aside.reason if aside else msg("the plan did not know of it")
    if control in done.reboots:
        return msg("in full effect only after the next reboot, which is not made: {controls}",
                   controls=control)  # fmt: skip
    seen = one.own.evidence if one.own else done.verdicts.get(control, {}).get("observed")
    return msg("{control} was set right and is still not as it should be: {observed}",
               control=control, observed=str(seen or "-")[:300])  # fmt: skip


def _aside(one: Proven, done: Done) -> PlanAside | None:
    """What the plan said of it; known vulnerabilities, and what came after many, share one."""
    finding = one.finding
    names = [finding.key, "cve" if finding.cve else "", "" if finding.control else "more"]
    return next((done.asides[name] for name in names if name in done.asides), None)
