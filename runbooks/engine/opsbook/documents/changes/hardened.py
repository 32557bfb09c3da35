"""What hardening did to its hosts, from their evidence, equal hosts told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opsbook.documents.blocks import Grid, Part
from opsbook.documents.changes.byhand import told_aside
from opsbook.documents.changes.foreseen import few
from opsbook.documents.findingwords import RESULTS, SEVERITIES
from opsbook.documents.labels import LABELS
from opsbook.documents.words import Words, rows, table, text
from opsbook.model.message import Message, msg

HARDENING_KEYS = frozenset(
    {"hardening", "applied", "applied_risky", "confirmed", "bundles_dropped"}
)
"""What hosts and the engine tell of hardening (module_utils/hardening/applying.py,
domains/hardening/planning/conclusion.py)."""

MOST_BY_HAND = 40
"""So much left to people is told one by one; the rest is counted."""

Evidence = Mapping[str, Any]
_Hosts = list[tuple[str, Evidence]]


def hardened(hosts: _Hosts, words: Words) -> Iterator[Part]:
    """Every control before and after, what was done beside it, and what is left to people."""
    columns = [msg("Control"), msg("Severity"), msg("Before"), msg("After")]
    yield from _grid(msg("Controls before and after"), columns, _controls(hosts, words), words)
    columns = [msg("What was done"), msg("Value")]
    yield from _grid(msg("How it was done"), columns, _done(hosts, words), words)
    by_hand = msg("Left to be done by hand")
    yield from _grid(by_hand, [by_hand], _by_hand(hosts, words), words)


def _grid(
    title: Message, columns: Iterable[Message], told: list[list[str]], words: Words
) -> Iterator[Part]:
    if told:
        headings = [words.of(heading) for heading in (LABELS["hosts"], *columns)]
        yield Grid(words.of(title), headings, told)


def _alike(found: Iterable[tuple[str, tuple[str, ...]]], words: Words) -> list[list[str]]:
    """Lines of hosts, each once with the hosts of which it is told."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, line in found:
        groups.setdefault(line, []).append(name)
    return [[few(names, words), *line] for line, names in groups.items()]


def _controls(hosts: _Hosts, words: Words) -> list[list[str]]:
    found = (
        (name, _control(table(part), words))
        for name, evidence in hosts
        for part in rows(table(evidence, "hardening").get("controls"))
    )
    return sorted(_alike(found, words), key=lambda line: line[1:])


def _control(part: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    title, key = words.both(part.get("title")), text(part.get("control"))
    what = words.noted(title, key) if title else key
    severity = words.word(SEVERITIES, part.get("severity"))
    return what, severity, *(_stood(table(part, side), words) for side in ("before", "after"))


def _stood(verdict: Mapping[str, Any], words: Words) -> str:
    """``fails: yes``: how a control stood and what was seen."""
    result, seen = words.word(RESULTS, verdict.get("result")), words.said(verdict.get("observed"))
    return words.labelled(result, seen) if result and seen else result or seen or "–"


def _done(hosts: _Hosts, words: Words) -> list[list[str]]:
    told = ((name, line) for name, evidence in hosts for line in _steps(evidence, words))
    return _alike(told, words)


def _steps(evidence: Evidence, words: Words) -> Iterator[tuple[str, ...]]:
    stages = [table(evidence, "applied"), table(evidence, "applied_risky")]
    for command in dict.fromkeys(text(one) for s in stages for one in rows(s.get("services"))):
        yield words.of(msg("made a service read its files")), command
    if any(stage.get("guarded") is True for stage in stages):
        fresh = evidence.get("confirmed") is True
        yield (words.of(msg("risky steps confirmed by a fresh login")),
               words.of(msg("yes") if fresh else msg("no")))  # fmt: skip
    for key in rows(table(evidence, "hardening").get("not_in_effect")):
        yield words.of(msg("configured, but not in effect")), text(key)
    for change in rows(evidence.get("bundles_dropped")):
        yield words.of(msg("can no longer be undone, its undo bundle was dropped")), text(change)


def _by_hand(hosts: _Hosts, words: Words) -> list[list[str]]:
    found = _alike(
        (
            (name, (told_aside(part, words),))
            for name, evidence in hosts
            for part in rows(table(evidence, "hardening").get("manual"))
            if isinstance(part, Mapping)
        ),
        words,
    )
    if len(found) <= MOST_BY_HAND:
        return found
    more = words.of(msg("and {number} more", number=len(found) - MOST_BY_HAND))
    return [*found[:MOST_BY_HAND], ["", more]]
