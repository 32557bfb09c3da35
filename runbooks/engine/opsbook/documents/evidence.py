"""The evidence of log collection as tables; evidence without a table is shown name by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbook.documents.blocks import Grid, Part
from opsbook.documents.changes.evidence import CHANGE_KEYS
from opsbook.documents.labels import LABELS
from opsbook.documents.survey import SURVEY_KEYS, is_survey
from opsbook.documents.telling import tree
from opsbook.documents.words import Words, amount, count, rows, size, table, text
from opsbook.model.message import msg

MOST = 20_000
"""The most characters of unknown evidence shown per host."""

_LOG_KEYS = frozenset(
    {
        "day", "manifest_sha256", "totals", "completeness", "losses", "notes", "dropped",
        "skipped", "skipped_count", "files", "files_read", "wire_bytes", "transport", "seconds",
        "seal_seconds", "boot_id", "clock_offset_seconds",
    }
)  # fmt: skip
"""What log collection tells (domains/logs/collect/report.py); how it got there is left out."""

MOST_SKIPPED = 40
"""The most files named that were not collected."""


def is_logs(evidence: Mapping[str, Any]) -> bool:
    """Whether ``evidence`` tells of a night of log collection."""
    return bool(rows(evidence.get("totals"))) or bool(rows(evidence.get("losses")))


def log_parts(hosts: Sequence[Mapping[str, Any]], words: Words) -> Iterator[Part]:
    """Per host what each source brought, in the order of the hosts, and what was left out."""
    names = ("host", "source", "new_bytes", "lines", "span", "completeness", "gaps")
    told = [
        [text(host.get("name")), *source]
        for host in hosts
        if is_logs(table(host, "evidence"))
        for source in _sources(table(host, "evidence"), words)
    ]
    if told:
        yield Grid(words.of(LABELS["logs"]), [words.of(LABELS[name]) for name in names], told,
                   frozenset({2, 3, 5}))  # fmt: skip
    left = _skipped(hosts, words)
    if left:
        headings = [words.of(LABELS[name]) for name in ("host", "path", "why")]
        yield Grid(words.of(LABELS["skipped"]), headings, left)


def _skipped(hosts: Sequence[Mapping[str, Any]], words: Words) -> list[tuple[str, str, str]]:
    """Host, path and reason of files that were not collected, and how many more there were."""
    found: list[tuple[str, str, str]] = []
    number = 0
    for host in hosts:
        notes = rows(table(host, "evidence").get("skipped"))
        told = amount(table(host, "evidence").get("skipped_count"))
        number += max(len(notes), int(told or 0))
        for note in notes[: MOST_SKIPPED - len(found)]:
            path, reason = text(table(note).get("path")), words.said(table(note).get("reason"))
            found.append((text(host.get("name")), path, reason))
    if number > len(found):
        found.append(("", "", words.of(msg("and {number} more", number=number - len(found)))))
    return found


def log_attention(evidence: Mapping[str, Any], words: Words) -> list[str]:
    """Possible losses and gaps of one host, as sentences."""
    losses = [
        _loss(loss, words) for loss in rows(evidence.get("losses")) if isinstance(loss, Mapping)
    ]
    gaps = [
        words.of(
            msg("{source}: expected {expected} minutes with lines, have {have}; gaps: {gaps}",
                source=text(part.get("source")), expected=count(part.get("expected")),
                have=count(part.get("have")), gaps=_gaps(part, 8, words))
        )
        for part in rows(evidence.get("completeness"))
        if isinstance(part, Mapping) and rows(part.get("gaps"))
    ]  # fmt: skip
    notes = [words.said(note) for note in rows(evidence.get("notes"))]
    return [*losses, *gaps, *notes]


def rest_of(evidence: Mapping[str, Any], words: Words) -> str:
    """What no table shows, as lines of names and values; empty when there is nothing."""
    told = _LOG_KEYS if is_logs(evidence) else SURVEY_KEYS if is_survey(evidence) else frozenset()
    rest = {k: v for k, v in evidence.items() if k not in told | CHANGE_KEYS}
    shown = tree(rest, words) if rest else ""
    return shown if len(shown) <= MOST else shown[:MOST] + "\n..."


def _sources(evidence: Mapping[str, Any], words: Words) -> list[list[str]]:
    whole = {
        text(part.get("source")): part
        for part in rows(evidence.get("completeness"))
        if isinstance(part, Mapping)
    }
    return [
        _source(total, whole.get(text(total.get("source")), {}), words)
        for total in rows(evidence.get("totals"))
        if isinstance(total, Mapping)
    ]


def _source(total: Mapping[str, Any], completeness: Mapping[str, Any], words: Words) -> list[str]:
    return [
        text(total.get("source")),
        size(total.get("raw_bytes")),
        count(total.get("lines")),
        " ".join(words.span(total.get("first_line_at"), total.get("last_line_at"))),
        _score(completeness),
        _gaps(completeness, 2, words),
    ]


def _score(part: Mapping[str, Any]) -> str:
    have, expected = part.get("have"), part.get("expected")
    if amount(have) is None:
        return ""
    return f"{count(have)} / {count(expected)}" if amount(expected) is not None else count(have)


def _gaps(part: Mapping[str, Any], most: int, words: Words) -> str:
    """``2026-11-21 03:12-03:14, ...`` and how many more there are than ``most``."""
    ends = [[text(end).replace("T", " ") for end in rows(gap)] for gap in rows(part.get("gaps"))]
    shown = [_span(*gap) for gap in ends if len(gap) == 2]
    told = words.listed(shown[:most])
    return words.noted(told, f"+{len(shown) - most}") if len(shown) > most else told


def _span(first: str, last: str) -> str:
    if first == last:
        return first
    same_day = first[:10] == last[:10]
    return f"{first}-{last[11:]}" if same_day else f"{first} - {last}"


def _loss(loss: Mapping[str, Any], words: Words) -> str:
    where = f"{text(loss.get('source'))} {text(loss.get('path'))}".strip()
    reason = words.said(loss.get("reason")).rstrip(".。")
    after = words.moment(loss.get("after")) or "?"
    before = words.moment(loss.get("before")) or "?"
    most = count(loss.get("lines_at_most"))
    if most:
        return words.of(
            msg(
                "{where}: {reason}; at most {number} lines from {after} to {before} may be lost",
                where=where, reason=reason, number=most, after=after, before=before,
            )
        )  # fmt: skip
    return words.of(
        msg(
            "{where}: {reason}; lines from {after} to {before} may be lost",
            where=where, reason=reason, after=after, before=before,
        )
    )  # fmt: skip
