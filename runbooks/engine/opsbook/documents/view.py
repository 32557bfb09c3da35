"""From a record to what stands on the page: everything in words, in reading order.

The templates only lay it out. Absent and unknown fields are left out, never an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from opsbook.documents.attention import attention
from opsbook.documents.blocks import Grid
from opsbook.documents.changes.actual import comparison, waves
from opsbook.documents.changes.evidence import before_and_after as packages
from opsbook.documents.changes.labels import PHASES
from opsbook.documents.escape import Ready
from opsbook.documents.evidence import log_tables, raw, skipped
from opsbook.documents.labels import (
    CLASSES_EXPLAINED,
    LABELS,
    MARKS,
    OUTCOMES,
)
from opsbook.documents.proof import checks, proof
from opsbook.documents.survey import survey_tables
from opsbook.documents.telling import parameters, requester, risk, took, tools
from opsbook.documents.words import Words, amount, rows, table, text, zone_of
from opsbook.model.message import msg
from opsbook.model.outcome import Outcome

_GOOD = frozenset(str(outcome) for outcome in Outcome if outcome.good)


def view(record: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The page of ``record`` in ``language``, as plain values for a template."""
    words = words_of(record, language)
    hosts = [host for host in rows(record.get("hosts")) if isinstance(host, Mapping)]
    page = _Page(record, hosts, words)
    return {
        "language": "zh-CN" if language.startswith("zh") else "en",
        "label": {key: words.of(message) for key, message in LABELS.items()}
        | {key: Ready(words.of(message)) for key, message in MARKS.items()},
        "run": text(record.get("run")),
        "estate": page.estate(),
        "good": page.good(),
        "result": page.result(),
        "facts": list(page.facts()),
        "counts": list(page.counts()),
        "attention": attention(record, hosts, words),
        "hosts": [page.host(host) for host in hosts],
        "tables": [*_of_a_change(record, words), *survey_tables(hosts, words)],
        "logs": log_tables(hosts, words),
        "skipped": skipped(hosts, words),
        "method": words.both(table(record, "runbook").get("method")),
        "about": list(page.about()),
        "tools": list(tools(table(record, "runbook"), words)),
        "parameters": list(parameters(record, words)),
        "versions": sorted((text(k), text(v)) for k, v in table(record, "versions").items()),
        "history": list(page.history()),
        "raw": [(text(h.get("name")), raw(table(h, "evidence"))) for h in hosts
                if raw(table(h, "evidence"))],
        "proof": list(proof(record, words)),
        "checks": list(checks(record, words)),
        "footer": page.footer(),
        "signers": [words.of(LABELS[key]) for key in ("done_by", "reviewed_by", "approved_by")],
    }  # fmt: skip


def _of_a_change(record: Mapping[str, Any], words: Words) -> Iterator[dict[str, Any]]:
    """Tables of a run that carried out a change; none of a routine run."""
    if not record.get("change"):
        return
    for part in (*waves(record, words), *comparison(record, words), *packages(record, words)):
        if isinstance(part, Grid):
            yield {"title": part.title, "headings": part.headings, "rows": part.rows,
                   "figures": sorted(part.figures)}  # fmt: skip


def words_of(record: Mapping[str, Any], language: str) -> Words:
    """How the record is told in ``language``: with the time zone of its estate."""
    return Words(language, _zone(record))


class _Page:
    """The parts of the page that need the whole record."""

    def __init__(
        self, record: Mapping[str, Any], hosts: list[Mapping[str, Any]], words: Words
    ) -> None:
        self._record = record
        self._hosts = hosts
        self._words = words

    def estate(self) -> str:
        estate = table(self._record, "estate")
        title, name = self._words.both(estate.get("title")), text(estate.get("name"))
        return self._named(title, name)

    def footer(self) -> str:
        return self._words.of(
            msg("Made by opsbook from the record of {run}; times are in {zone}.",
                run=text(self._record.get("run")), zone=str(self._words.zone))
        )  # fmt: skip

    def good(self) -> bool:
        return self._record.get("state") == "closed" and self._record.get("exit") in (0, 2)

    def result(self) -> str:
        """The run in one sentence."""
        state, total = self._record.get("state"), len(self._hosts)
        done = sum(self._outcome(host) in _GOOD for host in self._hosts)
        if state == "missed":
            due = self._words.moment(table(self._record, "missed").get("due"))
            return self._words.of(msg("The run was due at {due} and did not start.", due=due))
        if state == "refused":
            return self._words.of(msg("The run was refused; no host was touched."))
        skipped = sum(self._outcome(host) == "skipped" for host in self._hosts)
        if state == "closed" and done == total and skipped:
            return self._words.of(
                msg("{done} of {total} hosts are done; on the others there was nothing to do.",
                    done=done - skipped, total=total)
            )  # fmt: skip
        if state == "closed" and done == total:
            return self._words.of(msg("All hosts are done: {total}.", total=total))
        if state == "closed":
            return self._words.of(
                msg("{done} of {total} hosts are done; {left} are not.",
                    done=done, total=total, left=total - done)
            )  # fmt: skip
        return self._words.of(
            msg("The run has not ended: {done} of {total} hosts are done so far.",
                done=done, total=total)
        )  # fmt: skip

    def facts(self) -> Iterator[tuple[str, str]]:
        """The summary's lines that have something to say."""
        when, runbook = table(self._record, "when"), table(self._record, "runbook")
        title, name = self._words.both(runbook.get("title")), text(runbook.get("name"))
        facts = {
            "runbook": self._named(title, name),
            "class": self._words.word(CLASSES_EXPLAINED, runbook.get("class")),
            "estate": self.estate(),
            "change": text(self._record.get("change")),
            "phase": self._phase(),
            "hosts": self._scope(),
            "requested_by": requester(self._record.get("who"), self._words),
            "duration": took(when, self._words),
            **self._moments(when),
        }
        for key, value in facts.items():
            if value:
                yield self._words.of(LABELS[key]), value

    def _moments(self, when: Mapping[str, Any]) -> dict[str, str]:
        """A run that never began was only recorded at some time."""
        opened = self._words.moment(when.get("opened"))
        if self._record.get("state") in ("missed", "refused"):
            return {"recorded": opened}
        return {"opened": opened, "closed": self._words.moment(when.get("closed"))}

    def counts(self) -> Iterator[tuple[str, str, int]]:
        """Outcome, its word, and how many hosts have it; counted from the hosts themselves."""
        found = [self._outcome(host) for host in self._hosts]
        order = [*OUTCOMES, *sorted(set(found) - set(OUTCOMES))]
        for outcome in order:
            if outcome in found:
                yield outcome, self._words.word(OUTCOMES, outcome), found.count(outcome)

    def host(self, host: Mapping[str, Any]) -> dict[str, Any]:
        """One line of the table of hosts."""
        outcome, checked = self._outcome(host), table(host, "verification")
        passed, failed = amount(checked.get("passed")), amount(checked.get("failed"))
        known = passed is not None and failed is not None
        return {
            "name": text(host.get("name")),
            "outcome": self._words.word(OUTCOMES, outcome),
            "good": outcome in _GOOD,
            "reason": self._words.said(host.get("summary")),
            "verification": f"{passed:.0f} / {failed:.0f}" if known else "–",
            "seconds": self._words.seconds(host.get("seconds")),
        }

    def about(self) -> Iterator[tuple[str, str]]:
        """Risk and undo of the runbook, as planned."""
        runbook = table(self._record, "runbook")
        undo, told = table(runbook, "undo"), risk(runbook, self._words)
        if table(runbook, "risk"):
            yield self._words.of(LABELS["risk"]), told
        if undo:
            yield self._words.of(LABELS["undo"]), self._words.both(undo.get("why"))

    def history(self) -> Iterator[tuple[str, str]]:
        """Interruptions, resumptions and recovered leases, in time order."""
        when = table(self._record, "when")
        told = [(moment, msg("interrupted")) for moment in rows(when.get("interrupted"))]
        for entry in rows(when.get("resumed")):
            by = text(table(entry, "by").get("user"))
            told.append((table(entry).get("at"), msg("resumed by {user}", user=by)))
        for entry in rows(self._record.get("recoveries")):
            resource = text(table(entry).get("resource"))
            fact = msg("the lease of {resource} was taken over from a dead process",
                       resource=resource)  # fmt: skip
            told.append((table(entry).get("at"), fact))
        spoken = [(self._words.moment(at), self._words.of(fact)) for at, fact in told]
        yield from sorted(spoken)

    def _phase(self) -> str:
        known = self._record.get("change")
        return self._words.word(PHASES, self._record.get("phase")) if known else ""

    def _scope(self) -> str:
        limit = text(self._record.get("limit"))
        if not self._hosts and not limit:
            return ""
        if not limit:
            return str(len(self._hosts))
        return self._words.of(
            msg("{number} (limited to {limit})", number=len(self._hosts), limit=limit)
        )

    def _outcome(self, host: Mapping[str, Any]) -> str:
        return text(host.get("outcome")) or "unknown"

    def _named(self, title: str, name: str) -> str:
        return self._words.noted(title, name) if title and name and title != name else title or name


def _zone(record: Mapping[str, Any]) -> ZoneInfo:
    return zone_of(table(record, "when").get("timezone") or table(record, "estate").get("timezone"))
