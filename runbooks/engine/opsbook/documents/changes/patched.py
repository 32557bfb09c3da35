"""What patching did to its hosts, from their evidence, equal hosts told once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.documents.blocks import Block, Grid, Part, Points
from opsbook.documents.changes.foreseen import few
from opsbook.documents.labels import LABELS
from opsbook.documents.telling import tree
from opsbook.documents.words import Words, count, rows, table, text
from opsbook.model.message import Message, msg

_DELTAS: dict[str, Message] = {
    "services": msg("Services"),
    "listeners": msg("Listening sockets"),
    "mounts": msg("Mounts"),
    "failed_units": msg("Failed units"),
    "sessions": msg("Sessions"),
}
_LISTS: dict[str, Message] = {
    "services_restarted": msg("Services restarted"),
    "restart_failed": msg("Services that could not be restarted"),
    "conffiles_kept": msg("Configuration files kept as they were"),
    "cves_closed": msg("Vulnerabilities closed"),
    "cves_open": msg("Vulnerabilities still open"),
}
_YES: dict[str, Message] = {
    "rebooted": msg("Hosts rebooted"),
    "reboot_due": msg("Hosts on which a reboot is still due"),
}
_TOLD = frozenset(
    {*_DELTAS, *_LISTS, *_YES, "packages", "still_old", "predicted_seconds", "kernel"}
)
MOST_HOSTS = 200
"""Hosts whose evidence without a table is told one by one."""


def patched(evidence: list[tuple[str, Mapping[str, Any]]], words: Words) -> Iterator[Part]:
    """Packages, services, listeners, mounts, failed units, reboots; nothing where none told."""
    hosts = [(name, table(found, "patching")) for name, found in evidence]
    yield from _packages(hosts, words)
    yield from _deltas(hosts, words)
    for key, label in _LISTS.items():
        yield from _listed(hosts, key, label, words)
    yield from _still_old(hosts, words)
    for key, label in _YES.items():
        if any(key in found for _, found in hosts):
            said = words.listed(name for name, found in hosts if found.get(key) is True)
            yield Points(words.of(label), [("", said or words.of(msg("none")))])
    for name, found in hosts[:MOST_HOSTS]:
        rest = {key: value for key, value in found.items() if key not in _TOLD and value}
        if rest:
            yield Block(words.of(msg("Further evidence of {host}", host=name)), tree(rest, words))


def _packages(hosts: list[tuple[str, Mapping[str, Any]]], words: Words) -> Iterator[Part]:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, found in hosts:
        for part in rows(found.get("packages")):
            package, arch = text(table(part).get("package")), text(table(part).get("arch"))
            same = (f"{package}:{arch}" if arch else package,
                    text(table(part).get("before")), text(table(part).get("after")))  # fmt: skip
            groups.setdefault(same, []).append(name)
    told = [
        [package, before or "–", after or "–", count(len(names)), few(names, words)]
        for (package, before, after), names in sorted(groups.items())
    ]
    headings = (msg("Package"), msg("Before"), msg("After"), msg("Number of hosts"),
                LABELS["hosts"])  # fmt: skip
    if told:
        yield Grid(words.of(msg("Packages before and after")), [words.of(h) for h in headings],
                   told, frozenset({3}))  # fmt: skip


def _deltas(hosts: list[tuple[str, Mapping[str, Any]]], words: Words) -> Iterator[Part]:
    """What appeared and what went, of everything that was looked at before and after."""
    told = []
    for key, label in _DELTAS.items():
        looked = [(name, found[key]) for name, found in hosts if key in found]
        changed: dict[tuple[str, str], list[str]] = {}
        for name, delta in looked:
            parts = (_joined(table(delta).get(side), words) for side in ("added", "removed"))
            added, removed = parts
            if added or removed:
                changed.setdefault((added, removed), []).append(name)
        for (added, removed), names in changed.items():
            told.append([words.of(label), added or "–", removed or "–", few(names, words)])
        if looked and not changed:
            same = words.of(msg("as before"))
            told.append([words.of(label), same, same, count(len(looked))])
    kernels: dict[tuple[str, str], list[str]] = {}
    for name, found in hosts:
        kernel = table(found, "kernel")
        pair = text(kernel.get("after")), text(kernel.get("before"))
        if any(pair) and pair[0] != pair[1]:
            kernels.setdefault(pair, []).append(name)
    told += [[words.of(msg("Kernel")), *pair, few(names, words)] for pair, names in kernels.items()]
    headings = (msg("Looked at"), msg("Appeared"), msg("Gone"), LABELS["hosts"])
    if told:
        yield Grid(words.of(msg("State before and after")), [words.of(h) for h in headings], told)


def _listed(
    hosts: list[tuple[str, Mapping[str, Any]]], key: str, label: Message, words: Words
) -> Iterator[Part]:
    groups: dict[str, list[str]] = {}
    for name, found in hosts:
        said = _joined(found.get(key), words)
        if said:
            groups.setdefault(said, []).append(name)
    if groups:
        told = [(few(names, words), said) for said, names in groups.items()]
        yield Points(words.of(label), told)


def _still_old(hosts: list[tuple[str, Mapping[str, Any]]], words: Words) -> Iterator[Part]:
    """What still runs the code of before, by unit, as needrestart would name it."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, found in hosts:
        for part in map(table, rows(found.get("still_old"))):
            same = (text(part.get("unit")), text(part.get("command")),
                    _joined(part.get("packages"), words))  # fmt: skip
            groups.setdefault(same, []).append(name)
    title = words.of(msg("Still running old code"))
    if groups:
        told = [[*same, few(names, words)] for same, names in sorted(groups.items())]
        headings = (msg("Service unit"), msg("Program"), msg("Old code of"), LABELS["hosts"])
        yield Grid(title, [words.of(h) for h in headings], told)
    elif any("still_old" in found for _, found in hosts):
        yield Points(title, [("", words.of(msg("none")))])


def _joined(value: Any, words: Words) -> str:
    return words.listed(words.said(part) for part in rows(value))
