"""The page of a run from its record: what matters first, then hosts, evidence, method and proof.

One sequence of blocks for every form. Absent and unknown fields are left out, never an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from opsbook.documents.attention import attention
from opsbook.documents.blocks import (
    Block,
    Commands,
    Facts,
    Grid,
    Page,
    Part,
    Points,
    Signing,
)
from opsbook.documents.changes.actual import bad_rows, checked, comparison, outcomes, waves
from opsbook.documents.changes.evidence import before_and_after
from opsbook.documents.changes.scope import method, settings
from opsbook.documents.evidence import log_parts, rest_of
from opsbook.documents.labels import LABELS, OUTCOMES
from opsbook.documents.proof import checks, proof
from opsbook.documents.record_summary import counts, facts, good, outcome_of, result
from opsbook.documents.survey import survey_tables
from opsbook.documents.telling import happened, managers_of, risk
from opsbook.documents.words import Words, rows, table, text, zone_of
from opsbook.model.message import msg

Hosts = Sequence[Mapping[str, Any]]


def words_of(record: Mapping[str, Any], language: str) -> Words:
    """How the record is told in ``language``: with the time zone of its estate."""
    return Words(language, _zone(record))


def record_page(record: Mapping[str, Any], words: Words) -> Page:
    """``record`` (schema ``opsbook.record``, also an older or newer one) as a page."""
    hosts = [host for host in rows(record.get("hosts")) if isinstance(host, Mapping)]
    told = attention(record, hosts, words)
    run = text(record.get("run"))
    return Page(
        "zh-CN" if words.language.startswith("zh") else "en",
        words.of(LABELS["title"]),
        run,
        words.named(table(record, "estate")),
        result(record, hosts, words),
        good(record) and not told,
        list(facts(record, hosts, words)),
        list(counts(hosts, words)),
        list(_parts(record, hosts, told, words)),
        words.of(msg("Made by opsbook from the record of {run}; times are in {zone}.",
                     run=run, zone=str(words.zone))),
    )  # fmt: skip


def _parts(
    record: Mapping[str, Any], hosts: Hosts, told: Sequence[tuple[str, str]], words: Words
) -> Iterator[Part]:
    yield Points(words.of(LABELS["attention"]), told, words.of(LABELS["nothing"]), strong=True)
    if record.get("change"):
        yield from outcomes(record, words)
        yield from waves(record, words)
        yield from comparison(record, words)
        yield from before_and_after(record, words)
    else:
        yield from _hosts(hosts, words)
    yield from survey_tables(hosts, words)
    yield from log_parts(hosts, words)
    yield from _history(record, words)
    yield from _about(record, words)
    for host in hosts:
        rest = rest_of(table(host, "evidence"), words)
        if rest:
            title = msg("Further evidence of {host}", host=text(host.get("name")))
            yield Block(words.of(title), rest, folded=True)
    yield Facts(words.of(LABELS["proof"]), list(proof(record, words)), code=True)
    yield Commands(words.of(LABELS["check_yourself"]), list(checks(record, words)))
    signers = [words.of(LABELS[key]) for key in ("done_by", "reviewed_by", "approved_by")]
    yield Signing(words.of(LABELS["signatures"]), signers, words.of(LABELS["date"]))


def _hosts(hosts: Hosts, words: Words) -> Iterator[Part]:
    told = [
        [
            text(host.get("name")),
            words.word(OUTCOMES, outcome_of(host)),
            happened(host, words),
            checked(host),
            words.seconds(host.get("seconds")),
        ]
        for host in hosts
    ]
    names = ("host", "outcome", "reason", "verified_host", "duration")
    if told:
        yield Grid(words.of(LABELS["hosts"]), [words.of(LABELS[name]) for name in names], told,
                   frozenset({3, 4}), bad=bad_rows(hosts))  # fmt: skip


def _history(record: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """Interruptions, resumptions and recovered leases, in time order."""
    when = table(record, "when")
    told = [(moment, msg("interrupted")) for moment in rows(when.get("interrupted"))]
    for entry in rows(when.get("resumed")):
        by = text(table(entry, "by").get("user"))
        told.append((table(entry).get("at"), msg("resumed by {user}", user=by)))
    for entry in rows(record.get("recoveries")):
        resource = text(table(entry).get("resource"))
        fact = msg("the lease of {resource} was taken over from a dead process", resource=resource)
        told.append((table(entry).get("at"), fact))
    if told:
        spoken = sorted((words.moment(at), words.of(fact)) for at, fact in told)
        yield Facts(words.of(LABELS["history"]), spoken)


def _about(record: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """How it is done, what it risks and how it is undone, as planned; with which values."""
    runbook = table(record, "runbook")
    told = ((LABELS["risk"], risk(runbook, words)),
            (LABELS["undo"], words.both(table(runbook, "undo").get("why"))))  # fmt: skip
    said = [(words.of(label), value) for label, value in told if value]
    planned = (table(host, "planned") for host in rows(record.get("hosts")))
    yield from method(runbook, words, managers_of(planned), said)
    yield from settings(record, words)
    versions = sorted((text(k), text(v)) for k, v in table(record, "versions").items())
    if versions:
        yield Facts(words.of(LABELS["versions"]), versions)


def _zone(record: Mapping[str, Any]) -> ZoneInfo:
    return zone_of(table(record, "when").get("timezone") or table(record, "estate").get("timezone"))
