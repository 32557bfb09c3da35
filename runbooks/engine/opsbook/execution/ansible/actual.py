"""What tasks did, against what was foreseen of them: the same keys, item by item."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opsbook.execution.ansible.prediction import LAST, Line, keyed, sides, task_name
from opsbook.model.message import Message, msg
from opsbook.model.plan import Coverage, HostPlan, Item


def compare(
    plan: HostPlan, lines: Iterable[Line]
) -> tuple[dict[str, dict[str, Any]], list[Message]]:
    """What happened, by key: every planned task that was come to, every other that changed.

    Besides, what is different from the plan. A task that was never come to is not told here:
    why the host ended before it stands in its report.
    """
    planned = {item.key: item for item in plan.items}
    whole = not any(item.detail.get(LAST) for item in plan.items)
    actual: dict[str, dict[str, Any]] = {}
    deviations: list[Message] = []
    for key, line in keyed(lines):
        item = planned.get(key)
        if item is None and not line["changed"]:
            continue
        actual[key] = _happened(line)
        deviation = _deviation(item, line, whole=whole)
        deviations += [deviation] if deviation else []
    return actual, deviations


def _happened(line: Line) -> dict[str, Any]:
    """Before and after only where the module told them: asking costs a look at the host each."""
    happened: dict[str, Any] = {"changed": bool(line["changed"])}
    if line["diff"]:
        happened["before"], happened["after"] = sides(line)
    return happened | ({"failed": True} if line["status"] == "failed" else {})


def _deviation(item: Item | None, line: Line, *, whole: bool) -> Message | None:
    task = task_name(line)
    if item is None:
        return msg("task {task} was not predicted to change and did", task=task) if whole else None
    if item.coverage is not Coverage.PREDICTED or line["status"] == "failed":
        return None
    if not line["changed"]:
        return msg("task {task} was predicted to change and did not", task=task)
    before, after = sides(line)
    if (before, after) == (item.before, item.after) or not (before or after):
        return None
    return msg(
        "task {task} was predicted to go from {before} to {after} and went from {before_now} to"
        " {after_now}",
        task=task, before=item.before or "-", after=item.after or "-",
        before_now=before or "-", after_now=after or "-",
    )  # fmt: skip
