"""What a plan foresees, gathered over its hosts: equal changes and equal hosts told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsbook.documents.words import Words, amount, rows, table, text
from opsbook.model.message import msg

FEW = 3
"""So many hosts are named where there is little room."""


@dataclass(frozen=True, slots=True)
class Line:
    """One foreseen change and the hosts that it is foreseen on."""

    what: str
    before: str
    after: str
    coverage: str
    hosts: tuple[str, ...]
    detail: Mapping[str, Any]


class Foreseen:
    """A plan (schema ``opsbook.plan/1``) as it is told in ``words``."""

    def __init__(self, plan: Mapping[str, Any], words: Words) -> None:
        self.plan = plan
        self.words = words
        planned = table(plan, "host_plans")
        named = [text(host) for host in rows(plan.get("hosts"))]
        names = dict.fromkeys([*named, *(text(name) for name in planned)])
        self.hosts = [(name, table(planned, name)) for name in names]

    def outlooks(self) -> dict[str, int]:
        """Number of hosts by what is foreseen for them: change, nothing, cannot."""
        counts = dict.fromkeys(("change", "nothing", "cannot"), 0)
        for _, host in self.hosts:
            outlook = text(host.get("outlook"))
            counts[outlook] = counts.get(outlook, 0) + 1
        return {outlook: number for outlook, number in counts.items() if outlook and number}

    def items(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Host and item, in the plan's order."""
        for name, host in self.hosts:
            for item in rows(host.get("items")):
                if isinstance(item, Mapping):
                    yield name, item

    def lines(self) -> list[Line]:
        """Changes foreseen alike on several hosts told once, the most widespread first."""
        groups: dict[tuple[str, str, str, str], list[str]] = {}
        details: dict[tuple[str, str, str, str], Mapping[str, Any]] = {}
        for host, item in self.items():
            same = (*said_item(item, self.words), text(item.get("coverage")))
            groups.setdefault(same, []).append(host)
            details.setdefault(same, table(item, "detail"))
        made = [
            Line(*same, tuple(dict.fromkeys(hosts)), details[same])
            for same, hosts in groups.items()
        ]
        return sorted(made, key=lambda line: (-len(line.hosts), line.what))

    def coverage(self) -> dict[str, int]:
        """Number of items by how far they could be foreseen, counted from the items."""
        counts = dict.fromkeys(("predicted", "partly", "unpredictable"), 0)
        for _, item in self.items():
            kind = text(item.get("coverage")) or "unpredictable"
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def undo(self) -> tuple[int, int]:
        """Items that can be brought back, and items in all."""
        told = [table(host, "undo") for _, host in self.hosts]
        possible = sum(int(amount(each.get("possible")) or 0) for each in told)
        return possible, sum(int(amount(each.get("total")) or 0) for each in told)

    def undo_problems(self) -> list[tuple[str, str]]:
        """Hosts and why something on them cannot be brought back."""
        return self.alike(
            (name, self.words.said(problem))
            for name, host in self.hosts
            for problem in rows(table(host, "undo").get("problems"))
        )

    def reasons(self, outlook: str) -> list[tuple[str, str]]:
        """Hosts of ``outlook`` and why, equal reasons told once."""
        return self.alike(
            (name, self.words.said(host.get("reason")) or "–")
            for name, host in self.hosts
            if text(host.get("outlook")) == outlook
        )

    def notes(self) -> list[tuple[str, str]]:
        """What else must be known, equal notes told once."""
        return self.alike(
            (name, self.words.said(note))
            for name, host in self.hosts
            for note in rows(host.get("notes"))
        )

    def cves(self) -> list[tuple[str, str, list[str], set[str]]]:
        """Vulnerability, severity, what closes it, and on which hosts."""
        found: dict[str, tuple[str, dict[str, None], set[str]]] = {}
        for host, item in self.items():
            detail = table(item, "detail")
            for cve in rows(detail.get("cves")):
                known = isinstance(cve, Mapping)
                name = text(cve.get("id")) if known else text(cve)
                severity = text(cve.get("severity")) if known else ""
                package = text(detail.get("package")) or text(item.get("key"))
                entry = found.setdefault(name, (severity, {}, set()))
                entry[1][package] = None
                entry[2].add(host)
        return [(name, level, list(by), on) for name, (level, by, on) in sorted(found.items())]

    def restarts(self) -> list[tuple[str, str]]:
        """Services that will be restarted, and where."""
        return self.alike(
            (name, text(unit))
            for name, host in self.hosts
            for unit in rows(table(host, "given").get("restart_services"))
        )

    def reboots(self) -> list[str]:
        """Hosts that are foreseen to be rebooted."""
        given = ((name, table(host, "given")) for name, host in self.hosts)
        return [name for name, each in given if table(each, "reboot").get("expected") is True]

    def left_out(self) -> list[tuple[str, str]]:
        """What could have been done on hosts and is not part of the plan, and why."""
        return self.alike(
            (name, told)
            for name, host in self.hosts
            for told in self._left(rows(table(host, "given").get("left_out")))
        )

    def _left(self, parts: Iterable[Any]) -> Iterator[str]:
        """One by one what goes from one version to another, the rest by its reason."""
        together: dict[str, list[str]] = {}
        for part in map(table, parts):
            why = self.words.said(part.get("reason") or part.get("why"))
            before, after = text(part.get("from")), text(part.get("to"))
            name = text(part.get("package")) or self.words.said(part.get("title"))
            if before or after:
                what = self.words.arrow(name, before, after)
                yield self.words.labelled(what, why) if why else what
            elif name or why:
                together.setdefault(why, []).append(name)
        for why, names in together.items():
            what = self.words.listed(names)
            yield self.words.labelled(why, what) if why else what

    def alike_hosts(self) -> list[tuple[tuple[str, ...], Mapping[str, Any]]]:
        """Hosts for which the very same is foreseen, together; the largest group first."""
        groups: dict[str, list[str]] = {}
        first: dict[str, Mapping[str, Any]] = {}
        for name, host in self.hosts:
            same = repr([said_item(item, self.words) for item in rows(host.get("items"))])
            if rows(host.get("items")):
                groups.setdefault(same, []).append(name)
                first.setdefault(same, host)
        made = [(tuple(names), first[same]) for same, names in groups.items()]
        return sorted(made, key=lambda group: -len(group[0]))

    def waves(self) -> list[int]:
        """Hosts that are changed in each wave: first, times factor, up to the cap."""
        waves = table(self.plan, "waves")
        left = self.outlooks().get("change", 0)
        cap = max(int(amount(waves.get("cap")) or 50), 1)
        factor = max(int(amount(waves.get("factor")) or 1), 1)
        size = min(int(amount(waves.get("first")) or cap), cap)
        sizes = []
        while left > 0 and size > 0:
            sizes.append(min(size, left))
            left -= size
            size = min(size * factor, cap)
        return sizes

    def alike(self, told: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """(hosts in few words, what) of (host, what): what is told of several hosts, once."""
        groups: dict[str, dict[str, None]] = {}
        for host, what in told:
            groups.setdefault(what, {})[host] = None
        ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
        return [(few(list(hosts), self.words), what) for what, hosts in ordered]


def said_item(item: Any, words: Words) -> tuple[str, str, str]:
    """What an item is about, and its values before and after; a package goes by its name."""
    what = text(table(item, "detail").get("package")) or words.said(table(item).get("text"))
    before, after = text(table(item).get("before")), text(table(item).get("after"))
    return what or text(table(item).get("key")), before, after


def few(hosts: Sequence[str], words: Words, most: int = FEW) -> str:
    """``web1, web2, web3 and 15 more``; one more is named instead of counted."""
    if len(hosts) <= most + 1:
        return words.listed(hosts)
    rest = len(hosts) - most
    return words.of(msg("{hosts} and {number} more", hosts=words.listed(hosts[:most]), number=rest))


def some(things: Sequence[str], words: Words, most: int = FEW) -> str:
    """Like :func:`few`, of anything but hosts."""
    if len(things) <= most + 1:
        return words.listed(things)
    rest = len(things) - most
    return words.of(
        msg("{things} and {number} others", things=words.listed(things[:most]), number=rest)
    )
