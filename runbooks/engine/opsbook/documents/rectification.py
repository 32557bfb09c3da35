"""A rectification report as a page: what was found, what became of it, and how that is proven.

Reads ``opsbook.rectification/1`` (fields in ``domains/hardening/proof``) of any shape: what
scanners told in it is hostile, and another version may have written it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbook.documents.blocks import Facts, Grid, Heading, Page, Part, Points, Prose, Signing
from opsbook.documents.changes.foreseen import few, some
from opsbook.documents.changes.labels import STATES
from opsbook.documents.findingwords import LEFT, OUTCOMES, REASONS, RESULTS, SEVERITIES
from opsbook.documents.labels import LABELS
from opsbook.documents.page import Form, Language, render_page
from opsbook.documents.terminal import columns, lay_out
from opsbook.documents.words import Words, count, rows, table, text, zone_of
from opsbook.model.message import Message, msg

CLAIMS: dict[str, Message] = {
    "compliant": msg("All that was found is fixed or waived; the hosts are compliant."),
    "not_compliant": msg("Not compliant: findings remain."),
    "refused": msg("That the hosts are compliant cannot be said."),
}
_WAYS: dict[str, Message] = {
    "found": msg("Found"), "assessed": msg("Assessed"), "approved": msg("Approved"),
    "rectified": msg("Rectified"), "retested": msg("Retested"),
}  # fmt: skip
_MOST = {"text": 40, "html": 2_000, "md": 2_000}
"""Findings of one kind told one by one; the data itself has them all."""


def render_rectification(
    data: Mapping[str, Any], form: str, language: Language, *, width: int = 0
) -> str:
    """The report as ``text``, ``html`` or ``md``. ``width``: columns of text, 0 for the terminal's.

    Every value is escaped where it is put in.
    """
    words = Words(language, zone_of(table(data, "estate").get("timezone")))
    page = rectification_page(data, words, _MOST.get(form, 40))
    if form == "text":
        return lay_out(page, words, width or columns())
    document: Form = "html" if form == "html" else "md"
    return render_page(page, document)


def rectification_page(data: Mapping[str, Any], words: Words, most: int) -> Page:
    """The page; of each kind of findings at most ``most`` are told one by one."""
    estate = table(data, "estate")
    title, name = words.both(estate.get("title")), text(estate.get("name"))
    return Page(
        "zh-CN" if words.language.startswith("zh") else "en",
        words.of(msg("Security rectification report")),
        text(data.get("change")),
        words.noted(title, name) if title and name and title != name else title or name,
        words.word(CLAIMS, data.get("claim")),
        text(data.get("claim")) == "compliant",
        [(label, value) for label, value in _facts(data, words) if value],
        (),
        list(_parts(data, words, most)),
        words.of(msg("Made by opsbook from the events of {change}; times are in {zone}.",
                     change=text(data.get("change")), zone=str(words.zone))),
    )  # fmt: skip


def _facts(data: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    numbers = table(data, "numbers")
    yield words.of(msg("Why")), words.said(data.get("reason"))
    yield words.of(msg("State of the change")), words.word(STATES, data.get("state"))
    yield words.of(msg("Found")), count(numbers.get("found"))
    counted = [f"{words.of(word)} {count(numbers.get(name))}" for name, word in OUTCOMES.items()
               if numbers.get(name)]  # fmt: skip
    yield words.of(msg("What became of it")), words.listed(counted)
    if numbers.get("remaining"):
        left = table(numbers, "left")
        yield (words.of(msg("Of what remains")),
               words.listed(f"{words.of(word)} {count(left.get(name))}"
                            for name, word in LEFT.items()
                            if left.get(name) or name == "residual"))  # fmt: skip
    if table(data, "limits"):
        yield words.of(msg("Beyond the time allowed")), count(numbers.get("overdue"))
    yield words.of(msg("Put together")), words.moment(data.get("made"))


def _parts(data: Mapping[str, Any], words: Words, most: int) -> Iterator[Part]:
    against = [
        (few([text(host) for host in rows(table(one).get("hosts"))], words),
         words.said(table(one).get("reason")))
        for one in rows(data.get("reasons"))
    ]  # fmt: skip
    title = words.of(msg("What speaks against “compliant”"))
    yield Points(title, against, words.of(LABELS["nothing"]), strong=True)
    yield Facts(words.of(msg("Course")), list(_course(table(data, "stages"), words)))
    yield from _numbers(data, words)
    yield from _hosts(data, words)
    yield from _findings(data, words, most)
    yield from _scans(data, words)
    signers = [words.of(LABELS["done_by"]), words.of(LABELS["reviewed_by"])]
    yield Signing(words.of(LABELS["signatures"]), signers, words.of(LABELS["date"]))


def _course(stages: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    """Found, assessed, approved, rectified, retested: when, and by whom."""
    for name, label in _WAYS.items():
        stage = table(stages, name)
        if not stage:
            yield words.of(label), words.of(msg("not yet"))
        elif name == "found":
            yield words.of(label), words.moment(stage)
        elif name == "assessed":
            yield (
                words.of(label),
                _by(words.moment(stage.get("at")), [text(stage.get("by"))], words),
            )
        elif name == "approved":
            names = [text(table(one).get("name")) for one in rows(stage.get("by"))]
            yield words.of(label), _by(words.moment(stage.get("at")), names, words)
        elif name == "rectified":
            runs = [text(run) for run in rows(stage.get("runs"))]
            span = " ".join(words.span(stage.get("begun"), stage.get("ended")))
            yield words.of(label), _by(span, runs, words)
        else:
            yield words.of(label), " ".join(words.span(stage.get("first"), stage.get("last")))


def _by(when: str, names: Sequence[str], words: Words) -> str:
    known = words.listed(name for name in names if name)
    return words.noted(when, known) if when and known else when or known


def _numbers(data: Mapping[str, Any], words: Words) -> Iterator[Part]:
    for name, title, first, known in (
        ("by_severity", msg("By severity"), msg("Severity"), SEVERITIES),
        ("by_unit", msg("By unit of classified protection"), msg("Unit"),
         {"": msg("none")}),
    ):  # fmt: skip
        told = [([words.word(known, key)], table(numbers))
                for key, numbers in table(data, name).items()]  # fmt: skip
        yield from _counted(words.of(title), [words.of(first)], told, words)


def _hosts(data: Mapping[str, Any], words: Words) -> Iterator[Part]:
    claims = {"compliant": msg("compliant"), "not_compliant": msg("not compliant"),
              "refused": msg("cannot be said")}  # fmt: skip
    told = [
        ([text(host.get("name")), words.word(claims, host.get("claim"))], table(host, "numbers"))
        for host in map(table, rows(data.get("hosts")))
    ]
    headings = [words.of(LABELS["host"]), words.of(msg("Compliant?"))]
    yield from _counted(words.of(msg("Host by host")), headings, told, words)


def _counted(
    title: str,
    headings: Sequence[str],
    told: Sequence[tuple[list[str], Mapping[str, Any]]],
    words: Words,
) -> Iterator[Part]:
    """A table of numbers, without the columns that are nothing but zero."""
    known = {"found": msg("found"), **OUTCOMES, "overdue": msg("overdue"), **LEFT}
    flat = [(first, {**table(numbers, "left"), **numbers}) for first, numbers in told]
    shown = [name for name in known if any(numbers.get(name) for _, numbers in flat)]
    lines = [[*first, *(count(numbers.get(name)) for name in shown)] for first, numbers in flat]
    figures = frozenset(range(len(headings), len(headings) + len(shown)))
    if lines:
        names = [words.of(known[name]) for name in shown]
        yield Grid(title, [*headings, *names], lines, figures)


def _findings(data: Mapping[str, Any], words: Words, most: int) -> Iterator[Part]:
    """Findings by what became of them, what stands first, equal ones of several hosts once."""
    order = [*(f"remaining {left}" for left in LEFT), "remaining", "not_in_effect", "new",
             "not_comparable", "not_reproducible", "waived", "fixed"]  # fmt: skip
    groups: dict[str, dict[str, tuple[Mapping[str, Any], list[str]]]] = {}
    for host in map(table, rows(data.get("hosts"))):
        for entry in map(table, rows(host.get("findings"))):
            alike = "\0".join(_line(entry, words))
            left = text(table(entry, "remains").get("left"))
            group = groups.setdefault(f"{text(entry.get('outcome'))} {left}".strip(), {})
            group.setdefault(alike, (entry, []))[1].append(text(host.get("name")))
    if groups:
        yield Heading(words.of(msg("What became of each finding")))
    for outcome in [*order, *sorted(set(groups) - set(order))]:
        entries = list(groups.get(outcome, {}).values())
        if entries:
            yield _group(outcome, entries, words, most)


def _group(
    outcome: str,
    entries: Sequence[tuple[Mapping[str, Any], Sequence[str]]],
    words: Words,
    most: int,
) -> Part:
    headings = (msg("Finding"), msg("Severity"), msg("Unit"), LABELS["hosts"], msg("First seen"),
                msg("Due"), msg("Before → after"), msg("How"))  # fmt: skip
    told = []
    for entry, hosts in entries[:most]:
        what, severity, units, due, states, how = _line(entry, words)
        first = words.moment(table(entry, "stages").get("found"))[:10]
        told.append([what, severity, units, few(hosts, words), first, due, states, how])
    rest = len(entries) - len(told)
    note = words.of(msg("and {number} more: --form json has them all", number=rest)) if rest else ""
    number = sum(len(hosts) for _, hosts in entries)
    became, _, left = outcome.partition(" ")
    title = words.word(OUTCOMES, became)
    title = words.noted(title, words.word(LEFT, left)) if left else title
    title = words.labelled(title, count(number))
    return Grid(title, [words.of(one) for one in headings], told, note=note)


def _line(entry: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    """What is told of a finding on every host alike."""
    title = words.both(entry.get("control_title")) or text(entry.get("title"))
    place = text(entry.get("location"))
    key = text(entry.get("control")) or text(entry.get("key"))
    what = words.noted(title, key) if title and title != key else key
    what = f"{what} {place}".strip()
    units = words.listed(unit.removeprefix("L3-") for unit in map(text, rows(entry.get("units"))))
    return (what, words.word(SEVERITIES, entry.get("severity")), units, _due(entry, words),
            _states(entry, words), _how(entry, words))  # fmt: skip


def _due(entry: Mapping[str, Any], words: Words) -> str:
    clock = table(entry, "clock")
    if not clock:
        return ""
    due = words.moment(clock.get("due"))[:10]
    return words.noted(due, words.of(msg("overdue"))) if clock.get("overdue") is True else due


def _states(entry: Mapping[str, Any], words: Words) -> str:
    """What changed, in the words of the plan, or what scanners saw before and after."""
    steps = [table(one) for one in rows(entry.get("steps"))]
    if steps:
        told = [words.arrow("", text(one.get("before")), text(one.get("after"))) for one in steps]
        return some(list(dict.fromkeys(told)), words)
    seen = [next((text(table(one).get("result")) for one in rows(entry.get(side))), "")
            for side in ("before", "after")]  # fmt: skip
    return words.arrow("", *(words.word(RESULTS, one) for one in seen))


def _how(entry: Mapping[str, Any], words: Words) -> str:
    waiver = table(entry, "waiver")
    if waiver and waiver.get("needed") is True:
        return words.of(
            msg("{change}, until {until}, {owner}: {reason}", change=text(waiver.get("change")),
                until=words.moment(waiver.get("until"))[:10], owner=text(waiver.get("owner")),
                reason=text(waiver.get("reason")))
        )  # fmt: skip
    if table(entry, "remains"):
        return words.said(table(entry, "remains").get("reason"))
    if text(entry.get("reason")):
        return words.word(REASONS, entry.get("reason"))
    by = text(entry.get("by"))
    return words.of(msg("by hand")) if by == "by_hand" else by


def _scans(data: Mapping[str, Any], words: Words) -> Iterator[Part]:
    yield Heading(words.of(msg("What it is proven by")))
    for side, title in (("before", msg("Looks before")), ("after", msg("Looks after"))):
        scans = [table(one) for one in rows(table(data, "scans").get(side))]
        if not scans:
            yield Prose(words.of(title), words.of(msg("None.")))
            continue
        headings = (msg("Scanned at"), msg("Scanner"), msg("Content"), msg("Profile"),
                    LABELS["hosts"], msg("File"), msg("SHA-256"))  # fmt: skip
        told = [
            [words.moment(one.get("at")), _both(one, "tool"), _both(one, "content"),
             text(one.get("profile")).rpartition("_profile_")[2],
             few([text(host) for host in rows(one.get("hosts"))], words),
             text(one.get("file")), text(one.get("sha256"))[:16]]
            for one in scans
        ]  # fmt: skip
        yield Grid(words.of(title), [words.of(one) for one in headings], told)


def _both(scan: Mapping[str, Any], name: str) -> str:
    """A name and its version."""
    return f"{text(scan.get(name))} {text(scan.get(name + '_version'))}".strip()
