"""What a plan leaves to people, and what its changes risk, gathered over its hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.documents.changes.foreseen import Foreseen
from opsbook.documents.words import Words, count, rows, table, text
from opsbook.model.message import msg


def some_by_hand(plan: Foreseen) -> str:
    """How many things are left to people, equal ones counted once; empty for none."""
    found = by_hand(plan)
    return count(len(found)) if found else ""


def by_hand(plan: Foreseen, most: int | None = None) -> list[tuple[str, str]]:
    """Hosts and what is left to people there: why, and what the scanner says is to be done.

    Of more than ``most`` the rest is counted.
    """
    found = plan.alike(
        (name, told_aside(part, plan.words))
        for name, host in plan.hosts
        for part in rows(table(host, "given").get("manual"))
        if isinstance(part, Mapping)
    )
    if most is None or len(found) <= most:
        return found
    more = msg("{number} more lines: opsbook plan show {change}",
               number=len(found) - most, change=text(plan.plan.get("change")))  # fmt: skip
    return [*found[:most], ("", plan.words.of(more))]


def told_aside(part: Mapping[str, Any], words: Words) -> str:
    """One thing that is not done: its title and key, why, and the scanner's own words."""
    title, key = words.said(part.get("title")), text(part.get("key"))
    known = title and key and key != title and not part.get("package")
    what = words.noted(title, key) if known else title or key
    why = words.said(part.get("reason"))
    told = words.labelled(what, why) if what and why else what or why
    remedy = words.said(part.get("remedy"))
    if not remedy:
        return told
    return words.of(msg("{what} — the scanner says: {remedy}", what=told, remedy=remedy))


def risks(plan: Foreseen) -> list[tuple[str, str]]:
    """Hosts and what a change may mean for what runs there, in the words of its declaration."""
    return plan.alike(
        (host, plan.words.labelled(plan.words.both(detail.get("title")), risk))
        for host, detail in _details(plan)
        if (risk := plan.words.both(detail.get("workload")))
    )


def guarded(plan: Foreseen) -> list[tuple[str, str]]:
    """Hosts and all changes there that may lock people out, which they bring back by themselves."""
    found: dict[str, dict[str, None]] = {}
    for host, detail in _details(plan):
        if detail.get("lockout") is True:
            found.setdefault(host, {})[plan.words.both(detail.get("title"))] = None
    return plan.alike((host, plan.words.listed(titles)) for host, titles in found.items())


def _details(plan: Foreseen) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((host, table(item, "detail")) for host, item in plan.items())
