"""What a waiver would accept, for its page: scope, reason, owner, end, and the findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.documents.blocks import Facts, Grid, Part
from opsbook.documents.changes.labels import CATEGORIES
from opsbook.documents.findingwords import SEVERITIES
from opsbook.documents.labels import LABELS
from opsbook.documents.words import Words, count, rows, table, text
from opsbook.model.message import msg

EVERYTHING = "*"


def accepted(plan: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """The parts of a waiver's page; none for other plans."""
    if not table(plan, "waiver"):
        return
    yield Facts(words.of(msg("What would be accepted")), list(facts(plan, words)))
    covers = table(plan, "waiver", "covers")
    told = [
        [text(one.get("host")), words.word(SEVERITIES, one.get("severity")), text(one.get("key")),
         text(one.get("location")), text(one.get("title"))]
        for one in map(table, rows(covers.get("first")))
    ]  # fmt: skip
    if told:
        total = covers.get("total")
        rest = total - len(told) if isinstance(total, int) else 0
        note = words.of(msg("and {number} more", number=rest)) if rest > 0 else ""
        headings = (msg("Host"), msg("Severity"), msg("Finding"), msg("Where"), msg("Title"))
        yield Grid(words.of(msg("Open findings that it accepts")),
                   [words.of(each) for each in headings], told, frozenset(), note)  # fmt: skip


def facts(plan: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    """Everything that a waiver says, label by label."""
    said, covers = table(plan, "waiver"), table(plan, "waiver", "covers")
    told = (
        (msg("Finding"), _key(said, words)),
        (LABELS["hosts"], _hosts(said, words)),
        (msg("Where"), text(said.get("location"))),
        (msg("Category"), words.word(CATEGORIES, said.get("category"))),
        (msg("Why"), words.said(plan.get("reason"))),
        (msg("Owner"), words.said(said.get("owner"))),
        (msg("Done instead"), words.said(said.get("compensating"))),
        (msg("Note of a review"), words.said(said.get("note"))),
        (msg("Until"), words.moment(said.get("until"))),
        (msg("Open findings when it was drafted"), _severities(covers, words)),
    )
    for label, value in told:
        if value:
            yield words.of(label), value


def summed(plan: Mapping[str, Any], words: Words) -> str:
    """A waiver in one sentence."""
    covers = table(plan, "waiver", "covers")
    return words.of(
        msg("{findings} open findings of {hosts} hosts would be accepted until {until}.",
            findings=count(covers.get("total")) or "0", hosts=count(covers.get("hosts")) or "0",
            until=words.moment(table(plan, "waiver").get("until")))
    )  # fmt: skip


def warnings(plan: Mapping[str, Any], words: Words) -> Iterator[str]:
    """What an approver of a waiver must not overlook."""
    said = table(plan, "waiver")
    if not said:
        return
    covers = table(said, "covers")
    if said.get("key") == EVERYTHING:
        yield words.of(msg("it accepts EVERY finding, also those that are not known yet"))
    if said.get("hosts") is None:
        yield words.of(msg("it is for the whole estate, also for hosts that come later"))
    grave = {name: number for name, number in table(covers, "severities").items()
             if name in ("critical", "high")}  # fmt: skip
    if grave:
        yield words.of(msg("grave findings among them: {which}",
                           which=_severities({"severities": grave}, words)))  # fmt: skip
    if not covers.get("total"):
        yield words.of(msg("no open finding is accepted by it now: look at its key and hosts"))
    if not said.get("compensating"):
        yield words.of(msg("nothing is done instead"))


def _key(said: Mapping[str, Any], words: Words) -> str:
    key = text(said.get("key"))
    return words.noted(key, words.of(msg("every finding"))) if key == EVERYTHING else key


def _hosts(said: Mapping[str, Any], words: Words) -> str:
    if said.get("hosts") is None:
        return words.of(msg("the whole estate"))
    hosts = map(table, rows(said.get("hosts")))
    return words.listed(
        words.noted(text(host.get("name")), text(host.get("address"))) for host in hosts
    )


def _severities(covers: Mapping[str, Any], words: Words) -> str:
    counts = table(covers, "severities")
    known = [*SEVERITIES, *(name for name in counts if name not in SEVERITIES)]
    return words.listed(
        f"{words.word(SEVERITIES, name)} {count(counts[name])}" for name in known if name in counts
    )
