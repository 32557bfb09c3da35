"""The evidence of log collection as tables; other evidence is shown as it was recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from opsbook.documents.words import Words, amount, count, rows, size, table, text
from opsbook.model.message import msg

MOST_JSON = 20_000
"""The most characters of unknown evidence shown per host."""

_LOG_KEYS = frozenset(
    {"day", "manifest_sha256", "totals", "completeness", "losses", "notes", "seal_seconds"}
)


def is_logs(evidence: Mapping[str, Any]) -> bool:
    """Whether ``evidence`` tells of a night of log collection."""
    return bool(rows(evidence.get("totals"))) or bool(rows(evidence.get("losses")))


def log_tables(hosts: list[Mapping[str, Any]], words: Words) -> list[dict[str, Any]]:
    """Per host what each source brought, in the order of the hosts."""
    return [
        {
            "host": text(host.get("name")),
            "sources": _sources(table(host, "evidence"), words),
        }
        for host in hosts
        if is_logs(table(host, "evidence"))
    ]


def log_attention(evidence: Mapping[str, Any], words: Words) -> list[str]:
    """Possible losses and gaps of one host, as sentences."""
    losses = [
        _loss(loss, words) for loss in rows(evidence.get("losses")) if isinstance(loss, Mapping)
    ]
    gaps = [
        words.of(
            msg("{source}: expected {expected} minutes with lines, have {have}; gaps: {gaps}",
                source=text(part.get("source")), expected=count(part.get("expected")),
                have=count(part.get("have")), gaps=_gaps(part))
        )
        for part in rows(evidence.get("completeness"))
        if isinstance(part, Mapping) and _gaps(part)
    ]  # fmt: skip
    notes = [words.said(note) for note in rows(evidence.get("notes"))]
    return [*losses, *gaps, *notes]


def raw(evidence: Mapping[str, Any]) -> str:
    """What no table shows, as indented JSON; empty when there is nothing."""
    rest = {k: v for k, v in evidence.items() if not (is_logs(evidence) and k in _LOG_KEYS)}
    if not rest:
        return ""
    shown = json.dumps(rest, ensure_ascii=False, indent=2, sort_keys=True, default=str)
    return shown if len(shown) <= MOST_JSON else shown[:MOST_JSON] + "\n..."


def _sources(evidence: Mapping[str, Any], words: Words) -> list[dict[str, Any]]:
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


def _source(
    total: Mapping[str, Any], completeness: Mapping[str, Any], words: Words
) -> dict[str, Any]:
    return {
        "source": text(total.get("source")),
        "bytes": size(total.get("raw_bytes")),
        "lines": count(total.get("lines")),
        "span": words.span(total.get("first_line_at"), total.get("last_line_at")),
        "completeness": _score(completeness),
        "gaps": _gaps(completeness),
    }


def _score(part: Mapping[str, Any]) -> str:
    have, expected = part.get("have"), part.get("expected")
    if amount(have) is None:
        return ""
    return f"{count(have)} / {count(expected)}" if amount(expected) is not None else count(have)


def _gaps(part: Mapping[str, Any]) -> str:
    """``03:12-03:14``, with the date where the gap is not within one day."""
    shown = []
    for gap in rows(part.get("gaps")):
        ends = [text(end).replace("T", " ") for end in rows(gap)]
        if len(ends) == 2:
            shown.append(_span(*ends))
    return ", ".join(shown[:8]) + (f" (+{len(shown) - 8})" if len(shown) > 8 else "")


def _span(first: str, last: str) -> str:
    if first == last:
        return first
    same_day = first[:10] == last[:10]
    return f"{first}-{last[11:]}" if same_day else f"{first} - {last}"


def _loss(loss: Mapping[str, Any], words: Words) -> str:
    where = f"{text(loss.get('source'))} {text(loss.get('path'))}".strip()
    after, before = words.moment(loss.get("after")), words.moment(loss.get("before"))
    most = count(loss.get("lines_at_most"))
    reason = words.said(loss.get("reason"))
    if after and before and most:
        return words.of(
            msg("{where}: {reason} At most {number} lines from {after} to {before} may be lost.",
                where=where, reason=reason, number=most, after=after, before=before)
        )  # fmt: skip
    if after and before:
        return words.of(
            msg("{where}: {reason} Lines from {after} to {before} may be lost.",
                where=where, reason=reason, after=after, before=before)
        )  # fmt: skip
    return words.of(msg("{where}: {reason}", where=where, reason=reason))
