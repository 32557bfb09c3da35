"""The plan of one host, put together from what was settled and what its steps would do. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsbook.domains.hardening.planning.choice import Aside, Host, aside_of, choose
from opsbook.domains.hardening.planning.claims import PRESENT, claims_of, packages
from opsbook.domains.hardening.planning.fixpoint import Settled, Work, installs, settle
from opsbook.domains.hardening.planning.snapshot import Look
from opsbook.domains.hardening.planning.telling import both, control_words, given, notes, nothing
from opsbook.domains.hardening.planning.way import Way
from opsbook.model.finding import Result
from opsbook.model.message import Message, msg
from opsbook.model.plan import Coverage, HostPlan, Item, Outlook, UndoOutlook

_ABOUT = ("option", "key", "name", "unit", "argument", "module", "mount", "file")
"""What a step is about, the most telling field first."""

_BASE_SECONDS = 20
_PACKAGE_SECONDS = 20
_STAGE_SECONDS = 10

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """What was decided for a host before its steps were looked at; ``cannot`` are controls of
    which an earlier look said that their steps cannot be done.
    """

    host: Host
    way: Way
    settled: Settled
    local: bool = False
    cannot: tuple[Aside, ...] = ()


def drafted(host: Host, way: Way, *, local: bool, cannot: tuple[Aside, ...] = ()) -> Draft:
    """What is to be done on ``host`` without the controls that ``cannot`` be done there."""
    settled = settle(host, choose(host), way, local=local, cannot=cannot)
    return Draft(host, way, settled, local, cannot)


def without_impossible(draft: Draft, looks: Mapping[str, Look]) -> Draft:
    """``draft`` without what the looks say cannot be done; the same one when all can be.

    Looks are made one after the other, each at what those before it leave. When one falls out,
    those of the others say what would be beside it, so the host is to look once more.
    """
    _, asides = _possible(draft.settled, _spread(draft.settled.works, looks))
    new = tuple(asides[len(draft.settled.asides) :])
    if not new:
        return draft
    return drafted(draft.host, draft.way, local=draft.local, cannot=(*draft.cannot, *new))


def steps_of(works: Iterable[Work]) -> list[Step]:
    """All steps in the order in which they are done: packages that come, then the safe ones, then
    those that may lock out. Equal steps of several controls are done once.
    """
    rows: list[tuple[tuple[Any, ...], Step]] = []
    for work in works:
        for number, step in enumerate(work.steps, 1):
            comes = step["kind"] == "package" and step.get("state") == PRESENT
            risky = work.control.risk.lockout and step["kind"] != "package"
            named = {"id": f"{work.control.key}#{number}", "control": work.control.key,
                     "risky": risky}  # fmt: skip
            rows.append(((risky, not comes, *work.rank, number), named | step))
    once: dict[str, Step] = {}
    for _, step in sorted(rows, key=lambda row: row[0]):
        once.setdefault(_content(step), step)
    return list(once.values())


def _content(step: Step) -> str:
    """What a step does, whichever control it is of."""
    own = {key: value for key, value in step.items() if key not in ("id", "control", "risky")}
    return json.dumps(own, sort_keys=True)


def make_plan(draft: Draft, looks: Mapping[str, Look]) -> HostPlan:
    """The plan of the host of ``draft`` whose steps were looked at."""
    looks = _spread(draft.settled.works, looks)
    works, asides = _possible(draft.settled, looks)
    works, idle = _moved(works, looks)
    asides, surprises = _asked_for(draft.host, [*asides, *idle], _coming(works))
    steps = steps_of(works)
    of_control = {work.control.key: work for work in works}
    items = tuple(
        _item(step, looks[step["id"]], of_control[step["control"]])
        for step in steps
        if looks[step["id"]].changes
    )
    changed = {item.detail["control"] for item in items}
    said = (*notes(draft.host, works, changed, asides, steps), *surprises, *draft.settled.notes)
    return HostPlan(
        host=draft.host.name,
        outlook=Outlook.CHANGE if items else Outlook.NOTHING,
        reason=None if items else nothing(draft.host, asides),
        items=items,
        undo=undo_of(items, looks),
        notes=said if items else (),
        seconds=_seconds(items) if items else 0,
        given=given(draft.host, draft.way, works, steps, asides, items),
    )


def refused_plan(host: str, reason: Message) -> HostPlan:
    """The plan of a host on which nothing can be done, for ``reason``."""
    return HostPlan(host, Outlook.CANNOT, reason)


def undo_of(items: Iterable[Item], looks: Mapping[str, Look]) -> UndoOutlook:
    """How many of ``items`` can be brought back, and why the others cannot."""
    problems: dict[str, Message] = {}
    possible = total = 0
    for item in items:
        total += 1
        look = looks.get(step_id(item))
        why = item.detail["undo"]["why"]
        if item.detail["undo"]["kind"] == "full" and not (look and look.undo):
            possible += 1
        elif item.detail["control"] not in problems:
            said = msg("{en}", en=why["en"], zh=why["zh"]) if why else look.undo if look else "-"
            problems[item.detail["control"]] = msg(
                "{control}: {reason}", control=item.detail["control"], reason=said
            )
    return UndoOutlook(possible, total, tuple(problems.values()))


def step_id(item: Item) -> str:
    """The id of the step that an item is of."""
    return item.key.removeprefix("control:")


def _spread(works: Iterable[Work], looks: Mapping[str, Look]) -> dict[str, Look]:
    """The look at every step of ``works``; a step that several have was looked at once."""
    works = tuple(works)
    by_content = {_content(step): looks[step["id"]] for step in steps_of(works)}
    return {f"{work.control.key}#{number}": by_content[_content(step)]
            for work in works for number, step in enumerate(work.steps, 1)}  # fmt: skip


def _possible(settled: Settled, looks: Mapping[str, Look]) -> tuple[tuple[Work, ...], list[Aside]]:
    """The works whose steps can be done, and asides for the others with what they brought."""
    asides = list(settled.asides)
    works = list(settled.works)
    for work in settled.works:
        problem = next((look.problem for step in _ids(work)
                        if (look := looks.get(step)) and look.problem), "")  # fmt: skip
        if problem:
            works.remove(work)
            asides.append(aside_of(work.one, "cannot", msg("{problem}", problem=problem)))
    coming = _coming(works)
    for work in list(works):
        if work.one.brought and work.one.brought not in coming:
            works.remove(work)
            why = msg("it waits for the package {name}", name=work.one.brought)
            asides.append(aside_of(work.one, "not_applicable", why))
    return tuple(works), asides


def _asked_for(
    host: Host, asides: Iterable[Aside], coming: set[str]
) -> tuple[list[Aside], list[Message]]:
    """Asides about what was found, or is of the baseline; and words about controls that packages
    which are ``coming`` bring and nobody can set right here: scanners may find them afterwards.
    """
    found = {finding.control for finding in host.findings}
    kept: list[Aside] = []
    others: set[str] = set()
    for aside in asides:
        control = host.controls.get(aside.key)
        if control is None or aside.key in found or host.wish.baseline in control.baselines:
            kept.append(aside)
        elif aside.by_hand and coming & {*control.needs.packages, *installs(control)}:
            others.add(aside.key)
    if not others:
        return kept, []
    return kept, [msg("scanners may find afterwards, as packages come, what cannot be set right"
                      " here: {controls}", controls=", ".join(sorted(others)))]  # fmt: skip


def _coming(works: Iterable[Work]) -> set[str]:
    return {name for work in works for name in packages(work.claims, PRESENT)}


def _ids(work: Work) -> Iterator[str]:
    for number, _ in enumerate(work.steps, 1):
        yield f"{work.control.key}#{number}"


def _moved(
    works: Sequence[Work], looks: Mapping[str, Look]
) -> tuple[tuple[Work, ...], list[Aside]]:
    """The works that change something, or hold already; asides for those without a change.

    What another control's step brings about counts as the control's own.
    """
    acting = [step for step in steps_of(works) if looks[step["id"]].changes]
    changed = {step["control"] for step in acting}
    settled, done = claims_of(acting).keys(), {_content(step) for step in acting}
    kept: list[Work] = []
    asides: list[Aside] = []
    for work in works:
        shared = any(_content(step) in done for step in work.steps)
        acts = work.control.key in changed or shared or work.claims.keys() & settled
        holds = work.one.verdict.result is Result.PASS
        if not acts:
            asides.append(_idle(work, holds=holds))
        if acts or holds:
            kept.append(work)
    return tuple(kept), asides


def _idle(work: Work, *, holds: bool) -> Aside:
    if holds:
        why = msg("it is on the host already as its steps would set it")
        return aside_of(work.one, "as_wanted", why)
    why = msg("its steps would change nothing, and yet it does not hold: {observed}",
              observed=work.one.verdict.observed[:300] or "-")  # fmt: skip
    return aside_of(work.one, "no_effect", why)


def _item(step: Step, look: Look, work: Work) -> Item:
    control, one = work.control, work.one
    waits = bool(one.brought) and step["kind"] != "package"
    detail = {
        **control_words(control),
        "kind": step["kind"],
        "restart": list(look.effects),
        "packages": [dict(row) for row in look.packages],
        "reboot": control.risk.reboot,
        "lockout": step["risky"],
        "disruption": control.risk.disruption,
        "workload": both(control.risk.workload),
        "undo": {"kind": control.undo.kind, "why": both(control.undo.why)},
        "brought": one.brought,
        "found": sorted({f"{s.scanner}:{s.rule}" for f in one.findings for s in f.sightings})[:20],
    }
    return Item(
        key=f"control:{step['id']}",
        text=_text(step, work),
        before=look.was,
        after=look.becomes,
        coverage=Coverage.PARTLY if waits else Coverage.PREDICTED,
        detail=detail,
    )


def _text(step: Step, work: Work) -> Message:
    """Title and key; where a control has several steps, also what this one is about."""
    title, key = work.control.title.message(), work.control.key
    about = next((str(step[name]) for name in _ABOUT if step.get(name)), "")
    if len(work.steps) < 2 or not about:
        return msg("{title} ({control})", title=title, control=key)
    return msg("{title} ({control}: {about})", title=title, control=key, about=about[:100])


def _seconds(items: Sequence[Item]) -> int:
    """Predicted seconds: what a pass costs, packages, a stage with a fresh login, services."""
    number = len([item for item in items if item.detail["kind"] == "package"])
    stages = 2 if any(item.detail["lockout"] for item in items) else 1
    restarts = len({unit for item in items for unit in item.detail["restart"]})
    return _BASE_SECONDS + _PACKAGE_SECONDS * number + _STAGE_SECONDS * stages + 2 * restarts
