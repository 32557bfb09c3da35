"""Before against after on one host, control by control, for the record. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.domains.hardening.controls.judge import Verdict, judge
from opsbook.domains.hardening.controls.observed import read_answers
from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.planning.hostplan import step_id
from opsbook.domains.hardening.planning.snapshot import Snapshot
from opsbook.domains.hardening.planning.telling import control_words, verdict_words
from opsbook.model.errors import UsageFault
from opsbook.model.faults import WrongValue
from opsbook.model.finding import Result
from opsbook.model.message import Message, msg
from opsbook.model.plan import HostPlan


def conclude(
    plan: HostPlan, after: Snapshot, controls: Mapping[str, Control]
) -> tuple[dict[str, Any], tuple[Message, ...]]:
    """The evidence ``hardening`` and ``actual`` of a record, and deviations::

    controls        [{control, title, severity, references, before, after}]; before and after are
                    {result, configured, effective, observed, wanted}
    not_in_effect   [control]: configured as it should be, which is not what runs
    manual          [{kind, key, title, severity, reason, remedy}]: left to be done by hand
    left_out        the same, of what nobody is asked for
    """
    verdicts = judge_all(plan, after.observed, controls)
    rows = [_row(key, plan, verdict, controls) for key, verdict in sorted(verdicts.items())]
    facts = {
        "controls": rows,
        "not_in_effect": [key for key, verdict in verdicts.items() if verdict.not_in_effect],
        "manual": plan.given.get("manual", []),
        "left_out": plan.given.get("left_out", []),
    }
    actual = dict(_actual(plan, after))
    return {"hardening": facts, "actual": actual}, tuple(_deviations(plan, verdicts, after))


def judge_all(plan: HostPlan, observed: str, controls: Mapping[str, Control]) -> dict[str, Verdict]:
    """The verdict on every control of the plan, by what the checks printed."""
    told = read_answers(observed)
    family = str(plan.given.get("family", ""))
    found: dict[str, Verdict] = {}
    for key, values in plan.given.get("controls", {}).items():
        control = controls.get(key)
        if control is not None:
            found[key] = _judged(control.of_family(family), told.controls.get(key), values)
    return found


def _judged(control: Control, answers: Any, values: Mapping[str, Any]) -> Verdict:
    try:
        return judge(control, answers, control.site_values(values))
    except (WrongValue, UsageFault) as error:
        return Verdict(Result.ERROR, why=error.problem)


def _row(
    key: str, plan: HostPlan, verdict: Verdict, controls: Mapping[str, Control]
) -> dict[str, Any]:
    return {
        **control_words(controls[key]),
        "before": plan.given.get("judged", {}).get(key),
        "after": verdict_words(verdict),
    }


def _actual(plan: HostPlan, after: Snapshot) -> Iterator[tuple[str, dict[str, Any]]]:
    """What became of each item: a step that would still change something has failed."""
    for item in plan.items:
        look = after.looks.get(step_id(item))
        if look is None:
            continue
        value = look.was if look.changes else item.after  # a look names what is not as planned
        entry: dict[str, Any] = {
            "before": item.before, "after": value, "changed": not look.changes,
        }  # fmt: skip
        yield item.key, entry | ({"failed": True} if look.changes else {})


def _deviations(
    plan: HostPlan, verdicts: Mapping[str, Verdict], after: Snapshot
) -> Iterator[Message]:
    boots = {item.detail["control"] for item in plan.items if item.detail.get("reboot")}
    for key, verdict in sorted(verdicts.items()):
        if verdict.not_in_effect and key in boots:
            yield msg("{control} is configured and takes effect with the next reboot", control=key)
        elif verdict.not_in_effect:
            yield msg("{control} is configured but not in effect: {observed}",
                      control=key, observed=verdict.observed[:300])  # fmt: skip
        elif verdict.result is not Result.PASS:
            yield msg("{control} was set right and is still not as it should be: {observed}",
                      control=key, observed=_seen(verdict))  # fmt: skip
    for item in plan.items:
        look = after.looks.get(step_id(item))
        if look is not None and look.changes:
            yield msg("{item} was planned to be {after} and is {now}",
                      item=item.key, after=item.after or "-", now=look.was or "-")  # fmt: skip


def _seen(verdict: Verdict) -> str | Message:
    return verdict.why or verdict.observed[:300] or "-"
