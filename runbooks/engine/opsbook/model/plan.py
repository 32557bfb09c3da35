"""What a plan says of each host: the changes foreseen there, item by item.

A plan is computed twice: when it is made, and again right before a host is touched. Two plans of
a host are the same when :meth:`HostPlan.differences` is empty; otherwise the host has drifted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from opsbook.model.message import Message, msg


class Coverage(StrEnum):
    """How much of an item's effect could be foreseen."""

    PREDICTED = "predicted"
    PARTLY = "partly"
    UNPREDICTABLE = "unpredictable"


class Outlook(StrEnum):
    """What is foreseen for a host as a whole."""

    CHANGE = "change"
    NOTHING = "nothing"
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True)
class Item:
    """One foreseen change. ``key`` names it on its host for good: ``package:openssl:amd64``.

    ``before`` and ``after`` are values as people read them, None where there is none or it is
    not known; ``detail`` is JSON of the capability (origin, size, CVEs ...).
    """

    key: str
    text: Message
    before: str | None
    after: str | None
    coverage: Coverage = Coverage.PREDICTED
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As kept in plans."""
        return {
            "key": self.key,
            "text": self.text.to_json(),
            "before": self.before,
            "after": self.after,
            "coverage": str(self.coverage),
            "detail": dict(self.detail),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Item:
        """Read back what :meth:`to_json` wrote."""
        return cls(
            data["key"],
            Message.from_json(data["text"]),
            data["before"],
            data["after"],
            Coverage(data["coverage"]),
            dict(data["detail"]),
        )


@dataclass(frozen=True, slots=True)
class UndoOutlook:
    """How many of a host's items can be brought back, solved before anything is written."""

    possible: int
    total: int
    problems: tuple[Message, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As kept in plans."""
        problems = [problem.to_json() for problem in self.problems]
        return {"possible": self.possible, "total": self.total, "problems": problems}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> UndoOutlook:
        """Read back what :meth:`to_json` wrote."""
        problems = tuple(Message.from_json(problem) for problem in data["problems"])
        return cls(data["possible"], data["total"], problems)


@dataclass(frozen=True, slots=True)
class HostPlan:
    """Everything that is foreseen on one host, bound by the plan's digest.

    ``reason`` says why nothing is to be done or why it cannot be; ``notes`` what else an approver
    must know (services restarted, a reboot); ``seconds`` is the predicted duration; ``given`` is
    JSON that the work needs beside the items and that may not change until it runs.
    """

    host: str
    outlook: Outlook
    reason: Message | None = None
    items: tuple[Item, ...] = ()
    undo: UndoOutlook = UndoOutlook(0, 0)
    notes: tuple[Message, ...] = ()
    seconds: int = 0
    given: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As kept in plans and given to playbooks as ``opsbook_plan``."""
        return {
            "outlook": str(self.outlook),
            "reason": self.reason.to_json() if self.reason else None,
            "items": [item.to_json() for item in self.items],
            "undo": self.undo.to_json(),
            "notes": [note.to_json() for note in self.notes],
            "seconds": self.seconds,
            "given": dict(self.given),
        }

    @classmethod
    def from_json(cls, host: str, data: Mapping[str, Any]) -> HostPlan:
        """Read back what :meth:`to_json` wrote."""
        reason = data["reason"]
        return cls(
            host,
            Outlook(data["outlook"]),
            Message.from_json(reason) if reason else None,
            tuple(Item.from_json(item) for item in data["items"]),
            UndoOutlook.from_json(data["undo"]),
            tuple(Message.from_json(note) for note in data["notes"]),
            data["seconds"],
            dict(data["given"]),
        )

    def differences(self, now: HostPlan) -> list[Message]:
        """What is foreseen ``now`` and was not foreseen in this plan, or no longer is.

        Predicted durations do not count.
        """
        found = list(_changed_items(self.items, now.items))
        if self.outlook != now.outlook:
            found.insert(0, _outlook_changed(self, now))
        found += _given(self.given, now.given)
        if self.undo != now.undo:
            found.append(
                msg("undo was possible for {before} items and is now for {now}",
                    before=self.undo.possible, now=now.undo.possible)
            )  # fmt: skip
        return found


def coverage(plans: Iterable[HostPlan]) -> dict[str, int]:
    """Number of items of each coverage over all ``plans``."""
    counts = {str(kind): 0 for kind in Coverage}
    for plan in plans:
        for item in plan.items:
            counts[str(item.coverage)] += 1
    return counts


def _outlook_changed(was: HostPlan, now: HostPlan) -> Message:
    why = now.reason or was.reason or Message("")
    if now.outlook is Outlook.CANNOT:
        return msg("it can no longer be done: {reason}", reason=why)
    if now.outlook is Outlook.NOTHING:
        return msg("there is nothing left to do: {reason}", reason=why)
    return msg("there is something to do now, which was not planned")


def _changed_items(was: Iterable[Item], now: Iterable[Item]) -> Iterable[Message]:
    before, after = {item.key: item for item in was}, {item.key: item for item in now}
    for key in sorted(before.keys() | after.keys()):
        if key not in after:
            yield msg("{item} is no longer foreseen", item=key)
        elif key not in before:
            yield msg("{item} is foreseen now and was not planned", item=key)
        elif before[key] != after[key]:
            yield _changed_item(before[key], after[key])


def _changed_item(was: Item, now: Item) -> Message:
    if (was.before, was.after) != (now.before, now.after):
        return msg(
            "{item} was planned from {before} to {after} and would now go from {before_now} to"
            " {after_now}",
            item=was.key, before=was.before or "-", after=was.after or "-",
            before_now=now.before or "-", after_now=now.after or "-",
        )  # fmt: skip
    return msg("the details of {item} changed", item=was.key)


_MOST_TOLD = 160
"""Characters of a value that is told in a sentence."""


def _given(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[Message]:
    for name in sorted(was.keys() | now.keys()):
        before, after = was.get(name), now.get(name)
        if before == after:
            continue
        told = [json.dumps(value, sort_keys=True, ensure_ascii=False) for value in (before, after)]
        if max(map(len, told)) > _MOST_TOLD:
            yield msg("{item} changed", item=name)
        else:
            yield msg("{item} was {before} when this was planned, and is {after} now",
                      item=name, before=told[0], after=told[1])  # fmt: skip
