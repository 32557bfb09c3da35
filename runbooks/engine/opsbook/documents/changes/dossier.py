"""The page of a change: request, plan, approvals, runs, evidence, undo, review and proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from opsbook.documents.blocks import Commands, Facts, Page, Part, Points, Signing
from opsbook.documents.changes.explain import attention, in_force, proof_of, result
from opsbook.documents.changes.foreseen import Foreseen, few
from opsbook.documents.changes.labels import KINDS, PHASES
from opsbook.documents.changes.papers import (
    emergency_report,
    is_patching,
    operation_record,
    operation_request,
    patch_plan,
    patch_record,
    run_result,
)
from opsbook.documents.changes.signing import check, signed
from opsbook.documents.changes.telling import standing
from opsbook.documents.labels import LABELS, OUTCOMES
from opsbook.documents.telling import happened, requester
from opsbook.documents.words import Words, rows, table, text
from opsbook.model.message import msg

MOST = 60
"""The most entries of what needs attention; the tables below have the rest."""

_GOOD = frozenset({"approved", "applied", "standing"})


def dossier_page(
    dossier: Mapping[str, Any], records: Sequence[Mapping[str, Any]], words: Words
) -> Page:
    """``dossier`` (schema ``opsbook.change/1``) with the ``records`` of its runs, in any order."""
    plan = Foreseen(table(dossier, "plan"), words)
    runs = _in_order(dossier, records)
    told = list(islice(_attention(dossier, runs, plan, words), MOST))
    state = text(dossier.get("state"))
    return Page(
        "zh-CN" if words.language.startswith("zh") else "en",
        words.of(msg("Record of a change")),
        text(dossier.get("change")),
        words.named(table(plan.plan, "estate")),
        words.labelled(standing(dossier, words), result(plan, words)),
        state in _GOOD and not told,
        [(name, value) for name, value in _facts(dossier, runs, words) if value],
        (),
        list(_parts(dossier, runs, plan, words, told)),
        words.of(
            msg("Made by opsbook from the events of {change}; times are in {zone}.",
                change=text(dossier.get("change")), zone=str(words.zone))
        ),
    )  # fmt: skip


def _parts(
    dossier: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    plan: Foreseen,
    words: Words,
    told: Sequence[tuple[str, str]],
) -> Iterator[Part]:
    yield Points(words.of(LABELS["attention"]), told, words.of(LABELS["nothing"]), strong=True)
    yield from operation_request(dossier, plan, words)
    yield from in_force(plan.plan, words)
    if is_patching(plan):
        yield from patch_plan(dossier, plan, words)
    yield from operation_record(dossier, runs, words)
    if is_patching(plan):
        yield from patch_record(runs, words)
    yield from emergency_report(dossier, words)
    yield from proof_of(dossier, words)
    yield from signed(dossier, words)
    yield Facts(words.of(LABELS["proof"]), _proof(dossier, runs, words), code=True)
    yield from check(dossier, words)
    export = f"opsbook records export {text(dossier.get('change'))} --format json"
    yield Commands("", [(export, words.of(msg("gives this change as canonical JSON (RFC 8785)")))])
    signers = [words.of(LABELS[key]) for key in ("done_by", "reviewed_by", "approved_by")]
    signers.insert(0, words.of(msg("Applicant")))
    yield Signing(words.of(LABELS["signatures"]), signers, words.of(LABELS["date"]))


def _facts(
    dossier: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], words: Words
) -> Iterator[tuple[str, str]]:
    plan = table(dossier, "plan")
    kind = words.word(KINDS, dossier.get("kind"))
    emergency = words.of(msg("emergency"))
    yield words.of(msg("Kind")), words.noted(kind, emergency) if dossier.get("emergency") else kind
    yield words.of(msg("Why")), words.said(plan.get("reason"))
    yield words.of(LABELS["runbook"]), words.named(table(plan, "runbook"))
    yield words.of(LABELS["requested_by"]), requester(dossier.get("requested_by"), words)
    yield words.of(msg("Planned at")), words.moment(dossier.get("planned"))
    yield words.of(msg("Approved at")), words.moment(dossier.get("approved"))
    for label, key in ((msg("Rejected"), "rejected"), (msg("Cancelled"), "cancelled"),
                       (msg("Expired"), "expired")):  # fmt: skip
        yield words.of(label), _ended(table(dossier, key), words)
    yield words.of(msg("Brought back")), few([text(h) for h in rows(dossier.get("undone"))], words)
    for record in runs:
        phase = words.word(PHASES, text(record.get("phase")) or "apply")
        yield words.noted(phase, text(record.get("run"))), run_result(record, words)


def _ended(end: Mapping[str, Any], words: Words) -> str:
    """When, by whom and why a change ended without being applied."""
    if not end:
        return ""
    by = end.get("by")
    who = requester(by, words) if isinstance(by, Mapping) else text(by)
    who = who or text(end.get("name")) or text(end.get("principal"))
    return words.listed(filter(None, (words.moment(end.get("at")), who,
                                      words.said(end.get("reason")))))  # fmt: skip


def _attention(
    dossier: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    plan: Foreseen,
    words: Words,
) -> Iterator[tuple[str, str]]:
    if table(dossier, "review").get("due") is True:
        yield "", words.of(msg("This emergency has not been reviewed yet."))
    for each in rows(dossier.get("statements")):
        if table(each).get("counts") is False:
            said = words.said(table(each).get("problem"))
            yield (
                text(table(each).get("name")),
                words.of(msg("a signature that does not count: {reason}", reason=said or "–")),
            )
    for record in runs:
        bad = [host for host in rows(record.get("hosts"))
               if text(table(host).get("outcome")) not in ("ok", "changed", "skipped")]  # fmt: skip
        yield from plan.alike((text(table(host).get("name")), _bad(record, table(host), words))
                              for host in bad)  # fmt: skip
        for each in rows(record.get("deviations")):
            yield text(record.get("run")), words.said(table(each).get("message"))
    yield from attention(plan, dossier, words, ())


def _bad(record: Mapping[str, Any], host: Mapping[str, Any], words: Words) -> str:
    outcome = words.word(OUTCOMES, host.get("outcome") or "unknown")
    plain = host.get("outcome") in ("not_started", "undone")  # not for a reason of its own
    why = "" if plain else happened(host, words)
    said = words.labelled(outcome, why) if why else outcome
    return words.noted(said, text(record.get("run")))


def _proof(
    dossier: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], words: Words
) -> list[tuple[str, str]]:
    ledger = table(dossier, "ledger")
    first, last = text(ledger.get("first")), text(ledger.get("last"))
    told = [
        (words.of(LABELS["ledger_span"]), f"{first} – {last}" if first and last else ""),
        (words.of(LABELS["head"]), text(ledger.get("head"))),
    ]
    for record in runs:
        digest = text(table(record, "proof").get("digest"))
        told.append((words.of(msg("Digest of the record of {run}", run=text(record.get("run")))),
                     digest or words.of(msg("not sealed: the run has not ended"))))  # fmt: skip
    return [(name, value) for name, value in told if value]


def _in_order(
    dossier: Mapping[str, Any], records: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Records in the order of the dossier's runs, those it does not name at the end."""
    order = [text(table(run).get("run")) for run in rows(dossier.get("runs"))]
    known = {name: place for place, name in enumerate(order)}
    found = [record for record in records if isinstance(record, Mapping)]
    return sorted(found, key=lambda record: known.get(text(record.get("run")), len(order)))
