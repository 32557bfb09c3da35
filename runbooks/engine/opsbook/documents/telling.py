"""Parts of plans and records that several pages tell alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from opsbook.documents.labels import ORIGINS, RISKS, SOURCES
from opsbook.documents.words import Words, amount, count, rows, table, text
from opsbook.model.message import Message, msg

DEEPEST = 6
"""How deep a tree of unknown values is told."""

DEEPEST_WHOLE = 50
"""How deep a tree is told of which nothing is left out; deeper it stands on one line."""

_MANAGERS = frozenset({"apt", "dnf"})
"""Package managers, as hosts' plans name theirs; a tool's name begins with them."""

MOST_LEAVES = 500
"""The most lines of a tree of unknown values."""


def requester(who: Any, words: Words) -> str:
    """Who asked, on which machine, how; empty where nobody is known."""
    who = table(who)
    user, sudo = text(who.get("user")), text(who.get("sudo_user"))
    if not user:
        return ""
    person = words.noted(sudo, f"sudo: {user}") if sudo else user
    origin = text(who.get("origin"))
    schedule = {"schedule": text(who.get("schedule"))}
    known = ORIGINS.get(origin)
    said = words.of(Message(known.text, schedule)) if known else origin
    machine = text(who.get("control_host"))
    return words.of(msg("{person} on {machine}, {how}", person=person, machine=machine, how=said))


def took(when: Mapping[str, Any], words: Words) -> str:
    """How long a run was at work; of one that was resumed, that it is not the time from its begin
    to its end.
    """
    told = words.seconds(when.get("seconds"))
    if told and rows(when.get("resumed")):
        return words.noted(told, words.of(msg("at work, without the time it was stopped")))
    return told


def risk(runbook: Mapping[str, Any], words: Words) -> str:
    """How risky the runbook is, and why."""
    told = table(runbook, "risk")
    level = words.word(RISKS, told.get("level"))
    why = words.both(told.get("why"))
    return words.labelled(level, why) if why and level else why or level


def parameters(holder: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str, str]]:
    """Name, value, and who or what set it, of a plan's or a record's parameters that have one."""
    for name, entry in sorted(table(holder, "parameters").items()):
        value = table(entry).get("value") if isinstance(entry, Mapping) else entry
        if value is None:
            continue
        source = words.word(SOURCES, table(entry).get("source"))
        yield text(name), words.said(text(value)) or "–", source


def happened(host: Mapping[str, Any], words: Words) -> str:
    """What a host's work said last; then that its verification failed, that it was brought back."""
    told = [words.said(host.get("summary"))]
    checks = table(host, "verification")
    failed, passed = amount(checks.get("failed")) or 0, amount(checks.get("passed")) or 0
    if failed > 0:
        told.append(words.of(msg("{failed} of {total} checks of its verification failed",
                                 failed=count(failed), total=count(failed + passed))))  # fmt: skip
    if table(host, "undone").get("outcome") == "changed":
        told.append(words.of(msg("brought back")))
    parts = [part for part in told if part]
    ended = [part.rstrip(".。") for part in parts[:-1]]
    return words.of(msg("; ")).join([*ended, *parts[-1:]])


def managers_of(plans: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The package managers that the plans of hosts were made for; empty where none says so."""
    return _MANAGERS & {text(table(plan, "given").get("manager")) for plan in plans}


def tools(
    runbook: Mapping[str, Any], words: Words, managers: Set[str]
) -> Iterator[tuple[str, str]]:
    """The tools that the contract wants told: name and use; where the package managers of the
    hosts are known, not those of other hosts.
    """
    others = _MANAGERS - managers if managers else frozenset()
    for tool in rows(runbook.get("tools")):
        name = text(table(tool).get("name"))
        if isinstance(tool, Mapping) and name.partition(",")[0] not in others:
            yield name, words.both(tool.get("use"))


def tree(value: Any, words: Words, *, whole: bool = False) -> str:
    """JSON of any shape as indented lines of names and values.

    Long values and long trees are cut, unless ``whole``: nothing that is signed may be hidden.
    """
    lines: list[str] = []
    for line in _leaves(value, words, 0, whole):
        if len(lines) == MOST_LEAVES and not whole:
            lines.append("...")
            break
        lines.append(line)
    return "\n".join(lines)


def _leaves(value: Any, words: Words, depth: int, whole: bool) -> Iterator[str]:
    indent = "  " * depth
    if depth >= (DEEPEST_WHOLE if whole else DEEPEST):
        yield indent + (text(value) if whole else words.said(text(value)))
    elif isinstance(value, Mapping) and value and not _message(value):
        for name, part in value.items():
            inner = list(_leaves(part, words, depth + 1, whole))
            if _inline(part, inner):
                yield f"{indent}{text(name)}: {inner[0].strip()}"
            else:
                yield f"{indent}{text(name)}:"
                yield from inner
    elif rows(value):
        for part in rows(value):
            inner = list(_leaves(part, words, depth + 1, whole))
            yield f"{indent}- {inner[0].strip()}"
            yield from inner[1:]
    else:
        told = text(value) if whole and isinstance(value, str) else words.said(value)
        yield from (indent + line for line in (told or "–").split("\n"))


def _inline(part: Any, lines: list[str]) -> bool:
    """Whether a value stands beside its name."""
    nested = isinstance(part, Mapping | list | tuple) and bool(part) and not _message(part)
    return not nested and len(lines) == 1


def _message(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("params"), Mapping)
