"""What a reader of a record must not overlook, most serious first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.documents.evidence import log_attention
from opsbook.documents.labels import OUTCOMES
from opsbook.documents.words import Words, rows, table, text
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome

MOST = 60
"""The most entries; the tables below them have the rest."""

_FAILED = [outcome for outcome in Outcome if outcome.spends_budget or outcome is Outcome.UNDONE]
_BAD = (*_FAILED, "", *(o for o in Outcome if o.needs_action and o not in _FAILED))
"""Outcomes to be told of, in this order; empty is a host of which no end is known."""


def attention(
    record: Mapping[str, Any], hosts: list[Mapping[str, Any]], words: Words
) -> list[tuple[str, str]]:
    """Where (a host or nothing) and what; at most :data:`MOST` entries and one that counts."""
    found = [(where, what) for where, what in _all(record, hosts, words) if what]
    if len(found) <= MOST:
        return found
    rest = words.of(msg("{number} more, below.", number=len(found) - MOST))
    return [*found[:MOST], ("", rest)]


def _all(
    record: Mapping[str, Any], hosts: list[Mapping[str, Any]], words: Words
) -> Iterator[tuple[str, str]]:
    yield "", words.said(record.get("refusal"))
    yield from _ending(record, words)
    for outcome in _BAD:
        for host in hosts:
            if text(host.get("outcome")) == outcome:
                yield text(host.get("name")), _why(host, outcome, words)
    for entry in rows(record.get("deviations")):
        yield "", words.said(table(entry).get("message"))
    for host in hosts:
        name = text(host.get("name"))
        for told in (*_failed_tests(host, words), *_deviations(host, words)):
            yield name, told


def _ending(record: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    """A run without an end; a missed one."""
    state, run = record.get("state"), text(record.get("run"))
    if state == "missed":
        schedule = text(table(record, "missed").get("schedule"))
        yield "", words.of(
            msg("The schedule {schedule} did not start in time; no host was touched.",
                schedule=schedule)
        )  # fmt: skip
    elif state == "interrupted":
        yield (
            "",
            words.of(
                msg("The run was stopped before its end; opsbook resume {run} goes on.", run=run)
            ),
        )
    elif state == "running":
        yield "", words.of(
            msg("The run was still going on, or its process had died, when this page was made; "
                "in the latter case opsbook resume {run} goes on.", run=run)
        )  # fmt: skip


def _why(host: Mapping[str, Any], outcome: str, words: Words) -> str:
    if not outcome:
        return words.of(msg("was begun; how it ended is not known"))
    word = words.word(OUTCOMES, outcome)
    failed = text(table(host, "verification").get("failed"))
    if outcome == "failed" and failed not in ("", "0"):
        return words.of(
            msg("failed: checks of its verification that failed: {number}", number=failed)
        )
    reason = words.said(host.get("summary"))
    return words.of(msg("{outcome}: {reason}", outcome=word, reason=reason)) if reason else word


def _failed_tests(host: Mapping[str, Any], words: Words) -> Iterator[str]:
    for test in rows(table(host, "verification").get("tests")):
        if text(table(test).get("outcome")) not in ("passed", ""):
            yield words.of(
                msg("verification: {test}: {what}", test=text(table(test).get("name")),
                    what=words.said(table(test).get("message")) or text(table(test).get("outcome")))
            )  # fmt: skip


def _deviations(host: Mapping[str, Any], words: Words) -> Iterator[str]:
    """What the work called a deviation, and what its evidence says besides, each once."""
    told = [words.said(deviation) for deviation in rows(host.get("deviations"))]
    extra = log_attention(table(host, "evidence"), words)
    yield from dict.fromkeys([*told, *extra])
