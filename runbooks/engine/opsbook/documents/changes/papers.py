"""The forms of the contract with a change's data; their titles are the contract's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbook.documents.blocks import Facts, Heading, Part, Points, Prose
from opsbook.documents.changes.actual import comparison, outcomes, verdicts, waves
from opsbook.documents.changes.evidence import before_and_after
from opsbook.documents.changes.explain import changes, details, summary
from opsbook.documents.changes.foreseen import Foreseen, few
from opsbook.documents.changes.labels import PHASES
from opsbook.documents.changes.scope import scope
from opsbook.documents.changes.signing import opinions, statements
from opsbook.documents.changes.telling import restore_point, window
from opsbook.documents.labels import LABELS, OUTCOMES, STATES
from opsbook.documents.telling import requester, risk, took
from opsbook.documents.words import Words, count, rows, table, text
from opsbook.model.message import msg

REQUEST = msg("System operation request")
PATCH_PLAN = msg("Patch implementation plan")
OPERATION = msg("System operation record")
PATCH_RECORD = msg("Patch record")
EMERGENCY = msg("Emergency report")


def is_patching(plan: Foreseen) -> bool:
    """Whether the plan is about packages, so that the papers of patching are owed."""
    records = {text(name) for name in rows(table(plan.plan, "runbook").get("records"))}
    if records & {"patch_plan", "patch_record"}:
        return True
    return any(text(item.get("key")).startswith("package:") for _, item in plan.items())


def operation_request(dossier: Mapping[str, Any], plan: Foreseen, words: Words) -> Iterator[Part]:
    """Applicant, system, planned from and to, reason, method, tools, steps, risks, opinions."""
    content, runbook = plan.plan, table(plan.plan, "runbook")
    yield Heading(words.of(REQUEST))
    hosts = [name for name, _ in plan.hosts]
    told = (
        (msg("Applicant"), requester(dossier.get("requested_by"), words)),
        (msg("Applied at"), words.moment(dossier.get("planned"))),
        (msg("System concerned"), words.named(table(content, "estate"))),
        (LABELS["hosts"], words.noted(count(len(hosts)), few(hosts, words, 10)) if hosts else ""),
        (msg("Reason of the operation"), words.said(content.get("reason"))),
        (msg("Planned window"), window(content.get("window"), words)),
        (msg("Planned duration"), words.seconds(content.get("seconds"))),
        (LABELS["risk"], risk(runbook, words)),
        (msg("Restore point"), restore_point(runbook, words)),
        (msg("Fallback"), words.both(table(runbook, "undo").get("why"))),
    )
    yield Facts("", [(words.of(label), value or "–") for label, value in told])
    yield from scope(plan, words)
    yield from opinions(dossier, words)


def patch_plan(dossier: Mapping[str, Any], plan: Foreseen, words: Words) -> Iterator[Part]:
    """What is installed where, what it closes, restarts, reboots, and how it is taken back."""
    yield Heading(words.of(PATCH_PLAN))
    yield Facts("", list(summary(plan, dossier, words)))
    yield from changes(plan, words, None)
    yield from details(plan, words, None)


def operation_record(
    dossier: Mapping[str, Any], records: Sequence[Mapping[str, Any]], words: Words
) -> Iterator[Part]:
    """Executor, actual from and to, result, deviations and what was left, run by run."""
    yield Heading(words.of(OPERATION))
    if not records:
        yield Prose("", words.of(msg("Nothing was carried out.")))
    for record in records:
        yield from _run(record, words)
    refused = [
        (words.moment(table(each).get("at")), words.said(table(each).get("problem")))
        for each in rows(dossier.get("refusals"))
    ]
    if refused:
        yield Facts(words.of(msg("Refused attempts")), refused)


def patch_record(records: Sequence[Mapping[str, Any]], words: Words) -> Iterator[Part]:
    """The state before and after of every run that has evidence of it."""
    parts = [part for record in records for part in before_and_after(record, words)]
    yield Heading(words.of(PATCH_RECORD))
    yield from parts or [Prose("", words.of(msg("No evidence was recorded.")))]


def emergency_report(dossier: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """Why it was an emergency, and its review; nothing for other changes."""
    emergency, review = table(dossier, "emergency"), table(dossier, "review")
    if not emergency:
        return
    done = table(review, "done")
    told = [(words.of(msg("Reason of the emergency")), text(emergency.get("reason")))]
    if done:
        by = next((each for each in reversed(statements(dossier))
                   if each.get("decision") == "review"), done)  # fmt: skip
        name = text(by.get("name")) or text(by.get("principal")) or text(done.get("by"))
        told += [
            (words.of(msg("Reviewed at")), words.moment(done.get("at"))),
            (words.of(LABELS["reviewed_by"]), name),
            (words.of(msg("Finding of the review")), words.said(done.get("reason"))),
        ]
    else:
        told.append((words.of(msg("Review")), words.of(msg("STILL OPEN"))))
    yield Heading(words.of(EMERGENCY))
    yield Facts("", [(name, value) for name, value in told if value])


def _run(record: Mapping[str, Any], words: Words) -> Iterator[Part]:
    when = table(record, "when")
    title = words.noted(
        text(record.get("run")), words.word(PHASES, text(record.get("phase")) or "apply")
    )
    told = (
        (msg("Executor"), requester(record.get("who"), words)),
        (msg("Actual begin"), words.moment(when.get("opened"))),
        (msg("Actual end"), words.moment(when.get("closed"))),
        (LABELS["duration"], took(when, words)),
        (msg("Result"), run_result(record, words)),
        (msg("Predicted against actual"),
         words.listed(f"{word} {number}" for word, number in verdicts(record, words))),
        (msg("Left over"), _left(record, words)),
    )  # fmt: skip
    yield Facts(title, [(words.of(label), value) for label, value in told if value])
    deviations = list(_deviations(record, words))
    if deviations:
        yield Points(words.of(msg("Deviations")), deviations, strong=True)
    yield from outcomes(record, words)
    yield from waves(record, words)
    yield from comparison(record, words)


def run_result(record: Mapping[str, Any], words: Words) -> str:
    """State of a run, and its hosts counted by outcome."""
    found: dict[str, int] = {}
    for host in rows(record.get("hosts")):
        outcome = text(table(host).get("outcome")) or "unknown"
        found[outcome] = found.get(outcome, 0) + 1
    counts = words.listed(f"{words.word(OUTCOMES, kind)} {n}" for kind, n in found.items())
    state = words.word(STATES, record.get("state"))
    return words.labelled(state, counts) if counts else state


def _left(record: Mapping[str, Any], words: Words) -> str:
    """Hosts that were to be changed and are not: what the executor must not forget."""
    left = [
        text(table(host).get("name"))
        for host in rows(record.get("hosts"))
        if text(table(host).get("outcome")) not in ("ok", "changed", "skipped")
    ]
    return words.noted(count(len(left)), few(left, words, 10)) if left else words.of(msg("none"))


def _deviations(record: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    for each in rows(record.get("deviations")):
        yield words.moment(table(each).get("at")), words.said(table(each).get("message"))
    for host in rows(record.get("hosts")):
        name = text(table(host).get("name"))
        for message in rows(table(host).get("deviations")):
            yield name, words.said(message)
        for examined in rows(table(host).get("examined")):
            found = words.said(table(examined).get("found"))
            yield name, words.of(msg("caught midway and examined: {found}", found=found))
        for earlier in rows(table(host).get("earlier")):
            outcome = words.word(OUTCOMES, table(earlier).get("outcome") or "unknown")
            why = words.said(table(earlier).get("summary"))
            before = msg("an attempt before: {outcome}: {reason}", outcome=outcome, reason=why)
            yield name, words.of(before)
