"""The page an approver needs: one screen that decides, and the details below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbook.documents.blocks import Block, Commands, Facts, Grid, Page, Part, Points
from opsbook.documents.changes.byhand import by_hand, guarded, risks, some_by_hand
from opsbook.documents.changes.chosen import chosen, closed, packages, room
from opsbook.documents.changes.foreseen import Foreseen, Line, few, some
from opsbook.documents.changes.labels import COVERAGE, KINDS, ON_DRIFT, OUTLOOKS
from opsbook.documents.changes.scope import scope
from opsbook.documents.changes.signing import signed, to_sign
from opsbook.documents.changes.telling import duration, restore_point, standing, window
from opsbook.documents.changes.waiver import accepted, summed, warnings
from opsbook.documents.labels import CLASSES_EXPLAINED, LABELS
from opsbook.documents.telling import requester, risk, tree
from opsbook.documents.words import Words, amount, count, rows, table, text
from opsbook.model.message import msg

MOST_LINES = 40
"""The most lines of the table of changes on the approver's page; ``plan show`` has all."""

SEEN = 5
"""So many of each kind of trouble stand among what needs attention; the details have all."""

MOST_GROUPS = 20
"""The most groups of equal hosts told one by one on the approver's page."""


def explain_page(
    dossier: Mapping[str, Any], words: Words, missing: Sequence[Any] = (), *, full: bool = False
) -> Page:
    """The page of a dossier, or of one made of a plan alone; ``full`` leaves nothing out.

    ``missing`` says who has yet to sign, as messages.
    """
    plan = Foreseen(table(dossier, "plan"), words)
    state = standing(dossier, words)
    title = words.word(KINDS, table(dossier, "plan").get("kind") or "runbook")
    told = list(attention(plan, dossier, words, missing))
    parts: list[Part] = [
        Points(words.of(LABELS["attention"]), told, words.of(LABELS["nothing"]), strong=True),
        *in_force(plan.plan, words),
        *changes(plan, words, None if full else MOST_LINES),
        *to_sign(dossier, words),
        *details(plan, words, None if full else MOST_GROUPS),
        *scope(plan, words),
        *proof_of(dossier, words),
        *(signed(dossier, words) if full else ()),
    ]
    return Page(
        "zh-CN" if words.language.startswith("zh") else "en",
        words.noted(title, state) if state else title,
        text(dossier.get("change")) or text(plan.plan.get("change")),
        words.named(table(plan.plan, "estate")),
        result(plan, words),
        not told,
        list(summary(plan, dossier, words)),
        [(words.word(OUTLOOKS, kind), number) for kind, number in plan.outlooks().items()],
        parts,
        words.of(
            msg("Nothing on any host was changed to make this page; times are in {zone}.",
                zone=str(words.zone))
        ),
    )  # fmt: skip


def result(plan: Foreseen, words: Words) -> str:
    """The plan in one sentence."""
    if plan.plan.get("kind") in ("policy", "envelope"):
        return words.said(plan.plan.get("reason"))
    if plan.plan.get("kind") == "waiver":
        return summed(plan.plan, words)
    number = sum(1 for _ in plan.items())
    return words.of(
        msg("{items} changes on {hosts} of {total} hosts.", items=number,
            hosts=plan.outlooks().get("change", 0), total=len(plan.hosts))
    )  # fmt: skip


def summary(plan: Foreseen, dossier: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    """The facts that decide, in the order they are asked for; empty ones are left out."""
    content, runbook = plan.plan, table(plan.plan, "runbook")
    on_hosts = content.get("kind", "runbook") == "runbook"
    told = (
        (msg("Why"), words.said(content.get("reason"))),
        (LABELS["runbook"], words.named(runbook)),
        (LABELS["class"], words.word(CLASSES_EXPLAINED, runbook.get("class"))),
        (LABELS["risk"], risk(runbook, words)),
        (LABELS["requested_by"], requester(dossier.get("requested_by")
                                           or content.get("requested_by"), words)),
        (msg("Foreseen"), _coverage(plan, words)),
        (msg("Vulnerabilities closed"), _cves(plan, words)),
        (msg("Services restarted"), _restarts(plan, words)),
        (msg("Hosts rebooted"), _reboots(plan, words)),
        (msg("Left to be done by hand"), some_by_hand(plan)),
        (msg("Room needed"), room(plan, words)),
        (msg("Window"), window(content.get("window"), words) if on_hosts else ""),
        (msg("Duration, predicted"), duration(content, words)),
        (msg("Waves"), _waves(plan, words)),
        (msg("On drift"), words.word(ON_DRIFT, content.get("on_drift"))),
        (msg("Undo possible"), _undo(plan, words)),
        (msg("Restore point"), restore_point(runbook, words)),
        (msg("Plan good until"), words.moment(content.get("expires"))),
    )  # fmt: skip
    for label, value in told:
        if value:
            yield words.of(label), value


def changes(plan: Foreseen, words: Words, most: int | None) -> Iterator[Part]:
    """What changes where, equal changes told once."""
    lines = plan.lines()
    shown = lines if most is None else lines[:most]
    if not lines:
        return
    note = ""
    if len(lines) > len(shown):
        note = words.of(
            msg("{number} more lines: opsbook plan show {change}", number=len(lines) - len(shown),
                change=text(plan.plan.get("change")))
        )  # fmt: skip
    headings = (msg("Change"), msg("From → to"), msg("Number of hosts"), LABELS["hosts"],
                msg("Foreseen"))  # fmt: skip
    told = [_line(line, words, most is None) for line in shown]
    yield Grid(words.of(msg("What changes where")), [words.of(each) for each in headings], told,
               frozenset({2}), note)  # fmt: skip


def _line(line: Line, words: Words, full: bool) -> list[str]:
    hosts = words.listed(line.hosts) if full else few(line.hosts, words)
    fromto = words.arrow("", line.before, line.after) if line.before or line.after else "–"
    return [line.what, fromto, count(len(line.hosts)), hosts, words.word(COVERAGE, line.coverage)]


def details(plan: Foreseen, words: Words, most: int | None) -> Iterator[Part]:
    """Vulnerabilities, restarts, what must be known, what is left out; then hosts, grouped."""
    yield from chosen(plan, words)
    if most is None:
        yield from packages(plan, words)
    yield from closed(plan, words, SEEN if most else None)
    cannot, lost = plan.reasons("cannot"), plan.undo_problems()
    for title, entries in (
        (msg("Risks of single changes"), risks(plan)),
        (msg("Left to be done by hand"), by_hand(plan, MOST_LINES if most else None)),
        (msg("Services restarted"), [(what, hosts) for hosts, what in plan.restarts()]),
        (msg("To be known besides"), plan.notes()),
        (msg("Not part of this plan"), plan.left_out()),
        (msg("Hosts with nothing to do"), plan.reasons("nothing")),
        (msg("Hosts that cannot be changed"), cannot),
        (msg("What cannot be brought back"), lost),
    ):
        if entries and not (most and entries in (cannot, lost) and len(entries) <= SEEN):
            yield Points(words.of(title), entries)
    yield from _groups(plan, words, most)


def _groups(plan: Foreseen, words: Words, most: int | None) -> Iterator[Part]:
    groups = plan.alike_hosts()
    shown = groups if most is None else groups[:most]
    told = [
        [words.listed(hosts), count(len(rows(host.get("items")))), _possible(host),
         words.seconds(host.get("seconds")) if amount(host.get("seconds")) else ""]
        for hosts, host in shown
    ]  # fmt: skip
    rest = sum(len(hosts) for hosts, _ in groups[len(shown) :])
    note = words.of(msg("and {number} more", number=rest)) if rest else ""
    if told:
        headings = (msg("Hosts that are alike"), msg("Changes on each"),
                    msg("Undo possible / in all"), msg("Predicted"))  # fmt: skip
        yield Grid(words.of(msg("Host by host")), [words.of(h) for h in headings], told,
                   frozenset({1, 2, 3}), note)  # fmt: skip


def in_force(plan: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """What a plan of another kind than work on hosts would bring about."""
    told = [("", words.said(each)) for each in rows(plan.get("differences"))]
    if plan.get("kind") == "policy":
        first = words.of(msg("This is the first policy of the estate: it approves itself."))
        told = told or [("", first if not plan.get("former") else words.of(LABELS["nothing"]))]
        yield Points(words.of(msg("What differs from the policy in force")), told, strong=True)
    yield from accepted(plan, words)
    for key in ("policy", "envelope"):
        if plan.get(key):
            yield Block(words.of(msg("What would be in force")), tree(plan[key], words, whole=True))


def proof_of(dossier: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """What binds the plan, and what to type to see more of it."""
    plan = table(dossier, "plan")
    change = text(dossier.get("change")) or text(plan.get("change"))
    digests = (
        (LABELS["plan_digest"], dossier.get("plan_digest")),
        (LABELS["code_digest"], plan.get("code_digest")),
        (LABELS["inventory_digest"], plan.get("inventory_digest")),
        (msg("Digest of the approver policy"), plan.get("policy_digest")),
        (msg("Digest of the calendars"), plan.get("calendar_digest")),
    )
    told = [(words.of(label), text(value)) for label, value in digests if value]
    yield Facts(words.of(msg("What the plan is bound to")), told, code=True)
    more = [(f"opsbook plan show {change}", words.of(msg("everything in the plan")))]
    if plan.get("kind", "runbook") == "runbook":
        otherwise = words.of(msg("what would be planned otherwise now"))
        more.append((f"opsbook plan diff {change}", otherwise))
    yield Commands(words.of(msg("More")), more)


def attention(
    plan: Foreseen, dossier: Mapping[str, Any], words: Words, missing: Sequence[Any]
) -> Iterator[tuple[str, str]]:
    """What an approver must not overlook: (where, what), the most serious first."""
    emergency = table(dossier, "emergency") or table(plan.plan, "emergency")
    if emergency:
        yield "", words.of(msg("EMERGENCY, one approver, to be reviewed afterwards: {reason}",
                               reason=text(emergency.get("reason"))))  # fmt: skip
    unsure = [line for line in plan.lines() if line.coverage == "unpredictable"]
    for line in unsure[:SEEN]:
        yield few(line.hosts, words), words.of(msg("cannot be foreseen: {what}", what=line.what))
    if len(unsure) > SEEN:
        more = msg("cannot be foreseen: {number} more changes", number=len(unsure) - SEEN)
        yield "", words.of(more)
    for hosts, what in guarded(plan)[:SEEN]:
        told = msg("may lock people out; brought back unless a fresh login succeeds: {what}",
                   what=what)  # fmt: skip
        yield hosts, words.of(told)
    for hosts, why in plan.reasons("cannot")[:SEEN]:
        yield hosts, words.of(msg("cannot be changed: {reason}", reason=why))
    for hosts, why in plan.undo_problems()[:SEEN]:
        yield hosts, words.of(msg("cannot be brought back: {reason}", reason=why))
    for warning in warnings(plan.plan, words):
        yield "", warning
    for note in rows(table(plan.plan, "window").get("notes")):
        yield "", words.said(note)
    for want in missing:
        yield "", words.of(msg("Still missing: {what}", what=words.any(want)))


def _coverage(plan: Foreseen, words: Words) -> str:
    counts = plan.coverage()
    total = sum(counts.values())
    if not total:
        return ""
    share = f"{100 * counts['predicted'] // total} %"
    told = words.listed(f"{words.word(COVERAGE, kind)} {number}" for kind, number in counts.items())
    return words.noted(share, told)


def _cves(plan: Foreseen, words: Words) -> str:
    found = [name for name, *_ in plan.cves()]
    return words.noted(count(len(found)), some(found, words)) if found else ""


def _restarts(plan: Foreseen, words: Words) -> str:
    found = [what for _, what in plan.restarts()]
    return words.noted(count(len(found)), some(found, words)) if found else ""


def _reboots(plan: Foreseen, words: Words) -> str:
    found = plan.reboots()
    return words.noted(count(len(found)), some(found, words)) if found else ""


def _waves(plan: Foreseen, words: Words) -> str:
    sizes = plan.waves()
    if not sizes:
        return ""
    shown = " → ".join(map(str, sizes if len(sizes) <= 8 else sizes[:8])) + (
        " → …" if len(sizes) > 8 else ""
    )
    budget = amount(table(plan.plan, "waves").get("failure_budget"))
    if budget is None:
        return words.of(msg("{sizes} hosts; no failure budget: it does not stop for failures",
                            sizes=shown))  # fmt: skip
    return words.of(
        msg("{sizes} hosts; when more than {budget} hosts fail, the wave is undone and it stops",
            sizes=shown, budget=f"{budget:.0f}")
    )  # fmt: skip


def _undo(plan: Foreseen, words: Words) -> str:
    possible, total = plan.undo()
    kind = text(table(plan.plan, "runbook", "undo").get("kind"))
    why = words.both(table(plan.plan, "runbook", "undo").get("why"))
    if kind == "none" or not total:
        return why if kind == "none" else ""
    told = words.of(
        msg("for {possible} of {total} changes", possible=count(possible), total=count(total))
    )
    return words.labelled(told, why) if why else told


def _possible(host: Mapping[str, Any]) -> str:
    undo = table(host, "undo")
    possible, total = count(undo.get("possible")), count(undo.get("total"))
    return f"{possible} / {total}" if possible and total else "–"
