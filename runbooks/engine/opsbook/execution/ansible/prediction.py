"""From what a playbook told in check mode to what is foreseen on a host, task by task.

Check mode says what a module would change; it says nothing of commands, and of modules that do
not support it. Each task that would do something is an item with how far it could be foreseen:

- ``predicted``      its module supports check mode fully and it was asked in check mode
- ``partly``         its module supports it in part; ``changed_when`` decides what counts; or what
                     it does depends on the result of a task that could not be foreseen
- ``unpredictable``  commands, and whatever check mode left out

Dependence is looked for by name: in conditions, loops and templates of the task's own keywords.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opsbook.model.message import Message, msg
from opsbook.model.plan import Coverage, HostPlan, Item, Outlook, UndoOutlook

MOST_DIFF = 4000
"""The most characters of a difference that a plan shows."""

MOST_COMPARED = 100_000
"""Texts longer than this are not compared line by line."""

MOST_NAME = 200

LAST = "last"
"""In the detail of the item at which check mode failed: nothing is foreseen of later tasks."""

_COMMANDS = {
    f"ansible.{where}.{name}"
    for where in ("builtin", "legacy")
    for name in ("command", "shell", "raw", "script", "expect")
}
_HARMLESS = {
    f"ansible.{where}.{name}"
    for where in ("builtin", "legacy")
    for name in (
        "add_host", "assert", "async_status", "debug", "fail", "find", "gather_facts", "getent",
        "group_by", "include_vars", "meta", "package_facts", "pause", "ping", "service_facts",
        "set_fact", "set_stats", "setup", "slurp", "stat", "validate_argument_spec", "wait_for",
        "wait_for_connection",
    )
}  # fmt: skip
_VOLATILE = {"atime", "mtime", "ctime"}

Line = Mapping[str, Any]
"""One ended task on one host, as the callback plugin ``told`` tells it, masked."""


@dataclass
class Foreseen:
    """What is foreseen; ``failure`` when the playbook fails before it would change anything."""

    items: list[Item] = field(default_factory=list)
    notes: list[Message] = field(default_factory=list)
    failure: Message | None = None
    _unsure: set[str] = field(default_factory=set)
    _notified: dict[str, None] = field(default_factory=dict)
    _handled: set[str] = field(default_factory=set)


def foresee(lines: Iterable[Line]) -> Foreseen:
    """Read what one host's tasks told in check mode, in their order."""
    found = Foreseen()
    told: Counter[str] = Counter()
    for key, line in keyed(lines):
        told[task_name(line)] += 1
        if line["handler"]:
            found._handled.add(task_name(line))
        if line["status"] == "failed":
            _failed(found, key, line)
            break
        _take(found, key, line)
    for name in found._notified:
        if name not in found._handled:
            found.items.append(_handler(name, told[name] + 1))
    return found


def host_plan(host: str, found: Foreseen, *, undoable: bool, seconds: int) -> HostPlan:
    """The plan of ``host``; ``undoable`` is what the runbook declares."""
    if found.failure is not None:
        return HostPlan(host, Outlook.CANNOT, found.failure)
    if not found.items:
        return HostPlan(host, Outlook.NOTHING, msg("check mode foresees no change"))
    count = len(found.items)
    problems = () if undoable else (msg("the runbook has no playbook that undoes its work"),)
    return HostPlan(
        host,
        Outlook.CHANGE,
        items=tuple(found.items),
        undo=UndoOutlook(count if undoable else 0, count, problems),
        notes=tuple(found.notes),
        seconds=seconds,
    )


def keyed(lines: Iterable[Line]) -> Iterator[tuple[str, Line]]:
    """Each line with the key of its item: the task's name, and the how manieth of that name."""
    seen: Counter[str] = Counter()
    for line in lines:
        name = task_name(line)
        seen[name] += 1
        yield f"task:{name}#{seen[name]}", line


def task_name(line: Line) -> str:
    """The task's name, bounded."""
    return str(line["name"])[:MOST_NAME]


def sides(line: Line) -> tuple[str | None, str | None]:
    """Before and after in short: values that differ, or the beginning of a text's SHA-256."""
    before, after = [], []
    for diff in line["diff"]:
        old, new = _side(diff, "before", "after"), _side(diff, "after", "before")
        before += [old] if old else []
        after += [new] if new else []
    return ", ".join(before) or None, ", ".join(after) or None


def _take(found: Foreseen, key: str, line: Line) -> None:
    coverage = _coverage(line, unsure=bool(found._unsure & set(line["reads"])))
    if coverage is None:
        if found._unsure & set(line["reads"]) or line["by_check"]:
            found._unsure |= {*line["sets"], *line["facts"]}
        return
    found.items.append(_item(key, line, coverage))
    if coverage is not Coverage.PREDICTED:
        found._unsure |= {*line["sets"], *line["facts"]}
        found._notified |= dict.fromkeys(name[:MOST_NAME] for name in line["notify"])
    if line["always"] and line["changed"]:
        found.notes.append(
            msg("task {task} has check_mode: false: it changed the host while it was only foreseen",
                task=task_name(line))
        )  # fmt: skip


def _coverage(line: Line, *, unsure: bool) -> Coverage | None:
    """How far the task could be foreseen; None when it does nothing to the host."""
    if line["action"] in _HARMLESS:
        return None
    if line["by_check"] or (line["changed"] and line["action"] in _COMMANDS):
        return Coverage.UNPREDICTABLE
    if unsure or line["status"] == "ignored":
        return Coverage.PARTLY
    if line["status"] == "skipped":
        return None
    if not line["changed"]:
        return Coverage.PARTLY if _may_hide(line) else None
    if line["support"] == "none":
        return Coverage.UNPREDICTABLE
    whole = not (line["changed_when"] or line["always"] or line["support"] == "partial")
    return Coverage.PREDICTED if whole else Coverage.PARTLY


def _may_hide(line: Line) -> bool:
    """``changed_when`` says that nothing changes, of a task that check mode did not run."""
    return bool(line["changed_when"]) and not line["always"] and line["action"] not in _COMMANDS


def _failed(found: Foreseen, key: str, line: Line) -> None:
    """Check mode ends here. Behind a foreseen change that may be only because it is missing."""
    reason = str(line["message"])[:600] or "-"
    if not found.items:
        found.failure = msg("task {task} fails: {reason}", task=task_name(line), reason=reason)
        return
    item = _item(key, line, Coverage.UNPREDICTABLE)
    found.items.append(replace(item, detail={**item.detail, LAST: True}))
    found.notes.append(
        msg("what comes after task {task} cannot be foreseen: check mode fails there: {reason}",
            task=task_name(line), reason=reason)
    )  # fmt: skip


def _item(key: str, line: Line, coverage: Coverage) -> Item:
    before, after = sides(line)
    return Item(key, _words(line, coverage), before, after, coverage, _detail(line))


def _words(line: Line, coverage: Coverage) -> Message:
    task, target = task_name(line), str(line["target"] or line["action"])[:300]
    if coverage is Coverage.PREDICTED:
        return msg("task {task} changes {target}", task=task, target=target)
    if coverage is Coverage.PARTLY:
        return msg("task {task} may change {target}: not all of it could be foreseen",
                   task=task, target=target)  # fmt: skip
    return msg("task {task} runs {module}: what that does cannot be foreseen",
               task=task, module=line["action"])  # fmt: skip


def _handler(name: str, number: int) -> Item:
    text = msg("handler {task} may run, depending on what cannot be foreseen", task=name)
    return Item(f"task:{name}#{number}", text, None, None, Coverage.UNPREDICTABLE,
                {"module": "", "handler": True})  # fmt: skip


def _detail(line: Line) -> dict[str, Any]:
    plain = [_without_times(diff) for diff in line["diff"]]
    detail: dict[str, Any] = {"module": line["action"], "handler": bool(line["handler"])}
    if line["hidden"]:
        detail["hidden"] = True
    if plain:
        text = "\n".join(_shown(diff) for diff in plain)
        whole = json.dumps(plain, sort_keys=True, default=str).encode(errors="surrogatepass")
        detail["diff"] = text if len(text) <= MOST_DIFF else text[: MOST_DIFF - 3] + "..."
        detail["sha256"] = hashlib.sha256(whole).hexdigest()
    return detail


def _without_times(diff: Mapping[str, Any]) -> dict[str, Any]:
    """Times of files are different each time they are looked at."""
    return {
        key: {k: v for k, v in part.items() if k not in _VOLATILE}
        if isinstance(part, Mapping)
        else part
        for key, part in diff.items()
    }


def _shown(diff: Mapping[str, Any]) -> str:
    if "prepared" in diff:
        return str(diff["prepared"])
    old, new = (_lines(diff.get(side)) for side in ("before", "after"))
    if sum(map(len, old)) + sum(map(len, new)) > MOST_COMPARED:
        return ""
    compared = list(difflib.unified_diff(old, new, n=2, lineterm=""))[2:]
    head = str(diff.get("before_header") or "")
    return "\n".join([head, *compared] if head else compared)


def _lines(side: Any) -> list[str]:
    if isinstance(side, Mapping):
        return [f"{key}: {side[key]}" for key in sorted(side)]
    return str(side or "").splitlines()


def _side(diff: Mapping[str, Any], this: str, other: str) -> str:
    mine, others = diff.get(this), diff.get(other)
    if isinstance(mine, Mapping) and isinstance(others, Mapping):
        differ = [k for k in sorted(mine) if k not in _VOLATILE and mine[k] != others.get(k)]
        return " ".join(f"{key}={str(mine[key])[:100]}" for key in differ)
    if isinstance(mine, str) and mine:
        return "sha256:" + hashlib.sha256(mine.encode(errors="surrogatepass")).hexdigest()[:12]
    return ""
