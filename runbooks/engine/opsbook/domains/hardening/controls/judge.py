"""Whether what was seen is as a control wants it. Pure: no host, no clock.

A control passes when every observation that it expects was looked at and its rule holds. What was
not looked at, or not seen to the end, is never taken for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsbook.domains.hardening.controls.observed import Answers, Observation
from opsbook.domains.hardening.controls.reasons import reason
from opsbook.domains.hardening.controls.schema import Control
from opsbook.model.finding import Result
from opsbook.model.message import Message, msg

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at one control came to.

    ``configured`` and ``effective`` say whether what files say and what runs is good, None where
    the control expects nothing of the kind or nobody knows. ``observed`` and ``wanted`` are signs
    rather than words; ``why`` says why there is no answer.
    """

    result: Result
    configured: bool | None = None
    effective: bool | None = None
    observed: str = ""
    wanted: str = ""
    why: Message | None = None

    @property
    def not_in_effect(self) -> bool:
        """Configured as it should be, but that is not what runs."""
        return self.configured is True and self.effective is False


def judge(control: Control, answers: Answers | None, values: Mapping[str, Any]) -> Verdict:
    """Judge what a host told of ``control`` (already the one of the host's family) by ``values``,
    those of :meth:`.schema.Control.site_values`.
    """
    wanted = "; ".join(
        f"{name}: {rule.wanted(values)}" for name, rule in sorted(control.expect.items())
    )
    if answers is None:
        return Verdict(Result.NOT_CHECKED, wanted=wanted, why=msg("the host told nothing of it"))
    observed = "; ".join(
        f"{name}: {_shown(control, name, answers, values)}"
        for name in sorted(control.expect)
        if name in answers.seen
    )
    unknown = _unknown(control, answers)
    if unknown is not None:
        result, why = unknown
        return Verdict(result, observed=observed, wanted=wanted, why=why)
    held = {
        name: rule.holds(answers.values(name) or [], values)
        for name, rule in control.expect.items()
    }
    return Verdict(
        Result.PASS if all(held.values()) else Result.FAIL,
        configured=_all_of(held, "configured."),
        effective=_all_of(held, "effective."),
        observed=observed,
        wanted=wanted,
    )


def offenders(
    control: Control, answers: Answers, name: str, values: Mapping[str, Any]
) -> list[Observation]:
    """The observations called ``name`` that break their rule; all of them where it has none."""
    seen = answers.seen.get(name, [])
    rule = control.expect.get(name)
    return [one for one in seen if rule is None or rule.breaks(one.value, values)]


def _unknown(control: Control, answers: Answers) -> tuple[Result, Message] | None:
    """Why nothing can be said of it, if so."""
    if answers.cannot:
        return Result.ERROR, reason(answers.cannot)
    if answers.not_applicable:
        return Result.NOT_APPLICABLE, reason(answers.not_applicable)
    if not answers.ran:
        return Result.ERROR, msg("the check did not come to its end")
    if answers.cut:
        return Result.ERROR, reason("too_many")
    missing = sorted(name for name in control.expect if name not in answers.seen)
    if missing:
        return Result.UNKNOWN, msg("the check did not say: {names}", names=", ".join(missing))
    return None


def _all_of(held: Mapping[str, bool], beginning: str) -> bool | None:
    these = [good for name, good in held.items() if name.startswith(beginning)]
    return all(these) if these else None


def _shown(control: Control, name: str, answers: Answers, values: Mapping[str, Any]) -> str:
    """A few of the values, those that break the rule first."""
    seen = answers.seen[name]
    if not seen:
        return "-"
    bad = [one for one in seen if control.expect[name].breaks(one.value, values)]
    return _listed(bad or seen)


def _listed(seen: Sequence[Observation]) -> str:
    shown = [f"{one.value} ({one.of})" if one.of else one.value for one in seen[:_SHOWN]]
    more = len(seen) - len(shown)
    return ", ".join(shown) + (f", ... (+{more})" if more > 0 else "")
