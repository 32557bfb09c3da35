"""Predicted against actual: what each planned item of a host came to, as far as it was recorded.

The work tells in a host's evidence under ``actual`` what became of each item (by its key:
``before``, ``after``, ``changed``, ``failed``); patching also tells its package delta. What is not
recorded is called so, never "as planned".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbook.documents.blocks import Grid, Part
from opsbook.documents.changes.foreseen import few, said_item
from opsbook.documents.changes.labels import STEPS, VERDICTS
from opsbook.documents.labels import LABELS, OUTCOMES
from opsbook.documents.telling import happened
from opsbook.documents.words import Words, count, rows, table, text
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome

_GOOD = frozenset(str(outcome) for outcome in Outcome if outcome.good)
_UNTOUCHED = frozenset({"not_started", "refused", "skipped", "unreachable", "busy"})


def comparison(record: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """A table of items of a run; hosts on which all went alike are told together."""
    groups: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for host in _compared(record):
        if rows(table(host, "planned").get("items")):
            groups.setdefault(tuple(_lines(host, words)), []).append(text(host.get("name")))
    told = [
        [words.listed(hosts) if first else "", *line]
        for lines, hosts in sorted(groups.items(), key=lambda group: -len(group[1]))
        for first, line in _first(lines)
    ]
    if told:
        headings = (LABELS["hosts"], msg("Change"), msg("Planned"), msg("Actual"), msg("Verdict"))
        yield Grid(words.of(msg("Predicted against actual")), [words.of(h) for h in headings], told)


def verdicts(record: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    """How many items came out how, worst first."""
    counts: dict[str, int] = {}
    for host in _compared(record):
        for item in rows(table(host, "planned").get("items")):
            verdict = _verdict(table(item), table(host), *_told(table(item), table(host)))
            counts[verdict] = counts.get(verdict, 0) + 1
    order = sorted(VERDICTS, key="as_planned".__eq__)  # the best last
    return [(words.word(VERDICTS, kind), count(counts[kind])) for kind in order if kind in counts]


def _compared(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Hosts of a run that applied a plan; an undo has a plan only to take it back."""
    if text(record.get("phase")) != "undo":
        yield from (host for host in rows(record.get("hosts")) if isinstance(host, Mapping))


def _lines(host: Mapping[str, Any], words: Words) -> Iterator[tuple[str, ...]]:
    planned = [item for item in rows(table(host, "planned").get("items"))
               if isinstance(item, Mapping)]  # fmt: skip
    for item in planned:
        what, before, after = said_item(item, words)
        known, actual = _told(item, host)
        verdict = words.word(VERDICTS, _verdict(item, host, known, actual))
        same = known and _is_same(item, actual)
        told = words.of(msg("the same")) if same else _actual(actual) if known else "–"
        yield what, _arrow(before, after), told, verdict
    keys = {text(item.get("key")) for item in planned}
    for key, actual in table(host, "evidence", "actual").items():
        if text(key) not in keys and table(actual).get("changed") is True:
            yield (text(key), "–", _actual(table(actual)), words.word(VERDICTS, "not_planned"))


def _told(item: Mapping[str, Any], host: Mapping[str, Any]) -> tuple[bool, Mapping[str, Any]]:
    """What was recorded of an item, and whether anything was."""
    told = table(host, "evidence", "actual")
    key = text(item.get("key"))
    if key in told:
        return True, table(told, key)
    detail = table(item, "detail")
    for part in rows(table(host, "evidence", "patching").get("packages")):
        same = all(
            text(table(part).get(name)) == text(detail.get(name)) for name in ("package", "arch")
        )
        if same and detail.get("package"):
            return True, table(part)
    return False, {}


def _verdict(
    item: Mapping[str, Any], host: Mapping[str, Any], known: bool, actual: Mapping[str, Any]
) -> str:
    if actual.get("failed") is True:
        return "failed"
    if known:
        if actual.get("changed") is False:
            return "unchanged"
        wanted, got = item.get("after"), actual.get("after")
        if not (wanted is None or got is None or wanted == got):
            return "otherwise"
        return "brought_back" if table(host, "undone").get("outcome") == "changed" else "as_planned"
    return "not_done" if text(host.get("outcome")) in _UNTOUCHED else "unknown"


def _is_same(item: Mapping[str, Any], actual: Mapping[str, Any]) -> bool:
    """Whether it went from and to exactly what was planned, so that it need not be told again."""
    sides = [(text(item.get(side)), text(actual.get(side))) for side in ("before", "after")]
    return any(ours for ours, _ in sides) and all(ours == theirs for ours, theirs in sides)


def _actual(actual: Mapping[str, Any]) -> str:
    before, after = actual.get("before"), actual.get("after")
    return _arrow(text(before), text(after)) if before or after else "✓" if actual else "–"


def _arrow(before: str, after: str) -> str:
    return f"{before or '–'} → {after or '–'}" if before or after else "–"


def _first(lines: Sequence[tuple[str, ...]]) -> Iterator[tuple[bool, tuple[str, ...]]]:
    for place, line in enumerate(lines):
        yield place == 0, line


def outcomes(record: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """How each host of a run ended, was verified and, where it was, brought back."""
    foreseen = text(record.get("phase")) != "undo"  # of an undo no time is foreseen
    told = [
        [
            text(host.get("name")),
            words.word(OUTCOMES, host.get("outcome") or "unknown"),
            happened(host, words),
            checked(host),
            _undone(host, words),
            (words.seconds(table(host, "planned").get("seconds")) if foreseen else "") or "–",
            words.seconds(host.get("seconds")),
        ]
        for host in rows(record.get("hosts"))
        if isinstance(host, Mapping)
    ]
    headings = (LABELS["host"], LABELS["outcome"], LABELS["reason"], LABELS["verified_host"],
                LABELS["undo"], msg("Predicted"), LABELS["duration"])  # fmt: skip
    if told:
        yield Grid(words.of(LABELS["hosts"]), [words.of(h) for h in headings], told,
                   frozenset({3, 5, 6}), bad=bad_rows(record.get("hosts")))  # fmt: skip


def bad_rows(hosts: Any) -> frozenset[int]:
    """Which of the hosts did not end well."""
    known = [host for host in rows(hosts) if isinstance(host, Mapping)]
    return frozenset(
        place for place, host in enumerate(known) if text(host.get("outcome")) not in _GOOD
    )


def checked(host: Mapping[str, Any]) -> str:
    """Checks of a host's verification that passed and that failed."""
    told = table(host, "verification")
    passed, failed = count(told.get("passed")), count(told.get("failed"))
    return f"{passed} / {failed}" if passed and failed else "–"


def _undone(host: Mapping[str, Any], words: Words) -> str:
    undone = table(host, "undone")
    if not undone:
        return words.of(msg("prepared")) if table(host, "prepared") else "–"
    outcome = text(undone.get("outcome"))
    good = msg("brought back"), msg("nothing to bring back")
    word = {"changed": words.of(good[0]), "ok": words.of(good[1])}.get(outcome)
    said = word or words.word(OUTCOMES, outcome)
    return words.labelled(said, words.said(undone.get("summary"))) if not word else said


def waves(record: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """When each wave was, on which hosts, and how long its steps took."""
    told = []
    for wave in rows(record.get("waves")):
        spent = table(wave, "seconds")
        steps: list[Message] = list(STEPS.values())
        hosts = [text(name) for name in rows(table(wave).get("hosts"))]
        told.append(
            [text(table(wave).get("number")), words.moment(table(wave).get("at")),
             few(hosts, words), *(words.seconds(spent.get(name)) or "–" for name in STEPS)]
        )  # fmt: skip
    if told:
        headings = (msg("Wave"), msg("Begun"), LABELS["hosts"], *steps)
        yield Grid(words.of(msg("Waves and their times")), [words.of(h) for h in headings], told,
                   frozenset({0, *range(3, 3 + len(STEPS))}))  # fmt: skip
