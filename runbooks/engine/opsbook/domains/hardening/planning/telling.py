"""What the plan of a host tells beside its items: what hosts and records need, and words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbook.domains.hardening.controls.judge import Verdict
from opsbook.domains.hardening.controls.schema import Control
from opsbook.domains.hardening.planning.choice import Aside, Host
from opsbook.domains.hardening.planning.fixpoint import Work
from opsbook.domains.hardening.planning.way import Way
from opsbook.domains.hardening.planning.wishes import FINDINGS
from opsbook.model.base import Bilingual
from opsbook.model.message import Message, msg
from opsbook.model.plan import Item

SCHEMA = "opsbook.hardening-plan/1"

MOST_ASIDES = 500
"""So many of each kind are told one by one; the rest is counted."""


def given(
    host: Host,
    way: Way,
    works: Sequence[Work],
    steps: Sequence[Mapping[str, Any]],
    asides: Sequence[Aside],
    items: Sequence[Item],
) -> dict[str, Any]:
    """The rest of a plan, as hosts, records and people read it."""
    restarts = {unit for item in items for unit in item.detail["restart"]}
    return {
        "schema": SCHEMA,
        "baseline": host.wish.baseline,
        "steps": list(steps),
        "controls": {work.control.key: plain(work.values) for work in works},
        "judged": {work.control.key: verdict_words(work.one.verdict) for work in works},
        "confirm_seconds": host.wish.confirm_seconds,
        "family": host.told.family,
        "way": way_in(way),
        "restart_services": sorted(restarts),
        "reboot": {"expected": False},
    } | told_of(asides)


def told_of(asides: Sequence[Aside]) -> dict[str, Any]:
    """What is left to people and what nobody is asked for, as plans tell it."""
    kept = _bounded(asides)
    return {
        "manual": [aside.to_json() for aside in kept if aside.by_hand],
        "left_out": [aside.to_json() for aside in kept if not aside.by_hand],
    }


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a site as JSON."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def verdict_words(verdict: Verdict) -> dict[str, Any]:
    """How a control stood when it was looked at."""
    return {"result": str(verdict.result), "configured": verdict.configured,
            "effective": verdict.effective, "observed": verdict.observed[:1000],
            "wanted": verdict.wanted[:1000]}  # fmt: skip


def control_words(control: Control) -> dict[str, Any]:
    """Which control it is, for whoever reads a plan or a record."""
    return {
        "control": control.key,
        "title": both(control.title),
        "severity": control.severity,
        "references": {name: list(ids) for name, ids in control.references if ids},
    }


def both(text: Bilingual | None) -> dict[str, str] | None:
    """A text in both languages as JSON."""
    return None if text is None else {"zh": text.zh, "en": text.en}


def way_in(way: Way) -> dict[str, Any]:
    """What must be the same way when the plan is used; addresses are judged anew."""
    return {"user": way.login.user, "ssh": bool(way.login.source), "passed_by": list(way.passed_by)}


def nothing(host: Host, asides: Sequence[Aside]) -> Message:
    """Why a plan changes nothing on ``host``."""
    by_hand = sum(aside.by_hand for aside in asides)
    if by_hand:
        return msg("nothing is set right by itself; {number} are left to be done by hand",
                   number=by_hand)  # fmt: skip
    if host.wish.baseline == FINDINGS and not host.findings:
        return msg("no open finding of it is known: import a scan with opsbook findings import")
    return msg("all that was asked for is as it should be")


def notes(
    host: Host,
    works: Sequence[Work],
    changed: set[str],
    asides: Sequence[Aside],
    steps: Sequence[Mapping[str, Any]],
) -> Iterator[Message]:
    """What approvers are to know of a plan beside its items."""
    seconds = host.wish.confirm_seconds
    risky = sorted({step["control"] for step in steps if step["risky"]} & changed)
    if risky:
        yield msg("the host brings these back by itself unless a fresh login succeeds within"
                  " {seconds} s: {controls}",
                  seconds=seconds, controls=", ".join(risky))  # fmt: skip
    boots = [w.control.key for w in works if w.control.risk.reboot and w.control.key in changed]
    if boots:
        yield msg("in full effect only after the next reboot, which is not made: {controls}",
                  controls=", ".join(boots))  # fmt: skip
    brought = sorted({f"{w.control.key} ({w.one.brought})"
                      for w in works if w.one.brought and not w.one.findings})  # fmt: skip
    if brought:
        yield msg("not found yet, set right as well because a package comes: {controls}",
                  controls=", ".join(brought))  # fmt: skip
    by_hand = sum(aside.by_hand for aside in asides)
    if by_hand:
        yield msg("{number} are left to be done by hand", number=by_hand)


def _bounded(asides: Sequence[Aside]) -> list[Aside]:
    """The first of each kind, and how many more there are."""
    kept: list[Aside] = []
    counts: dict[str, int] = {}
    for aside in asides:
        counts[aside.kind] = counts.get(aside.kind, 0) + 1
        if counts[aside.kind] <= MOST_ASIDES:
            kept.append(aside)
    for kind, number in counts.items():
        if number > MOST_ASIDES:
            more = msg("and {number} more: opsbook findings list", number=number - MOST_ASIDES)
            kept.append(Aside(kind, more, key="more"))
    return kept
