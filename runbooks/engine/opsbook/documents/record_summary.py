"""What stands on top of a run's page: its result in one sentence, its facts, hosts by outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbook.documents.changes.labels import PHASES
from opsbook.documents.labels import CLASSES_EXPLAINED, LABELS, OUTCOMES
from opsbook.documents.telling import requester, took
from opsbook.documents.words import Words, table, text
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome

_GOOD = frozenset(str(outcome) for outcome in Outcome if outcome.good)

Hosts = Sequence[Mapping[str, Any]]


def good(record: Mapping[str, Any]) -> bool:
    """Whether the run came to its end and nothing failed."""
    return record.get("state") == "closed" and record.get("exit") in (0, 2)


def result(record: Mapping[str, Any], hosts: Hosts, words: Words) -> str:
    """The run in one sentence."""
    return words.of(_result(record, hosts, words))


def _result(record: Mapping[str, Any], hosts: Hosts, words: Words) -> Message:
    state, total = record.get("state"), len(hosts)
    done = sum(outcome_of(host) in _GOOD for host in hosts)
    skipped = sum(outcome_of(host) == "skipped" for host in hosts)
    if state == "missed":
        due = words.moment(table(record, "missed").get("due"))
        return msg("The run was due at {due} and did not start.", due=due)
    if state == "refused":
        return msg("The run was refused; no host was touched.")
    if state != "closed":
        return msg("The run has not ended: {done} of {total} hosts are done so far.",
                   done=done, total=total)  # fmt: skip
    if done == total and skipped:
        return msg("{done} of {total} hosts are done; on the others there was nothing to do.",
                   done=done - skipped, total=total)  # fmt: skip
    if done == total:
        return msg("All hosts are done: {total}.", total=total)
    return msg("{done} of {total} hosts are done; {left} are not.",
               done=done, total=total, left=total - done)  # fmt: skip


def facts(record: Mapping[str, Any], hosts: Hosts, words: Words) -> Iterator[tuple[str, str]]:
    """The summary's lines that have something to say."""
    when, runbook = table(record, "when"), table(record, "runbook")
    change = text(record.get("change"))
    told = {
        "runbook": words.named(runbook),
        "class": words.word(CLASSES_EXPLAINED, runbook.get("class")),
        "estate": words.named(table(record, "estate")),
        "change": change,
        "phase": words.word(PHASES, record.get("phase")) if change else "",
        "hosts": _scope(record, hosts, words),
        "requested_by": requester(record.get("who"), words),
        "duration": took(when, words),
        **_moments(record, words),
    }
    for key, value in told.items():
        if value:
            yield words.of(LABELS[key]), value


def _moments(record: Mapping[str, Any], words: Words) -> dict[str, str]:
    """A run that never began was only recorded at some time."""
    when = table(record, "when")
    opened = words.moment(when.get("opened"))
    if record.get("state") in ("missed", "refused"):
        return {"recorded": opened}
    return {"opened": opened, "closed": words.moment(when.get("closed"))}


def _scope(record: Mapping[str, Any], hosts: Hosts, words: Words) -> str:
    limit = text(record.get("limit"))
    if not limit:
        return str(len(hosts)) if hosts else ""
    return words.of(msg("{number} (limited to {limit})", number=len(hosts), limit=limit))


def counts(hosts: Hosts, words: Words) -> Iterator[tuple[str, int]]:
    """Outcome and how many hosts have it; counted from the hosts themselves."""
    found = [outcome_of(host) for host in hosts]
    order = [*OUTCOMES, *sorted(set(found) - set(OUTCOMES))]
    for outcome in order:
        if outcome in found:
            yield words.word(OUTCOMES, outcome), found.count(outcome)


def outcome_of(host: Mapping[str, Any]) -> str:
    """How a host ended; ``unknown`` while nothing says so."""
    return text(host.get("outcome")) or "unknown"
