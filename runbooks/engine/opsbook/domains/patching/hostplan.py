"""The plan of one host: made once, and asked again right before the host is touched. Pure.

Asking again does not choose again. It asks of each approved package whether the host would still
do exactly that; what was decided by age, tracker or changelog stays as it was approved. Updates
that appeared meanwhile are no business of this change; a newer version of an approved package is,
because the approved one would no longer be what the host's package manager gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from opsbook.domains.patching.baseline import Baseline
from opsbook.domains.patching.choice import Choice, LeftOut, Taken
from opsbook.domains.patching.effects import (
    Effects,
    effects_of,
    is_kernel,
    reboot_expected,
    seconds,
)
from opsbook.domains.patching.preflight import (
    Setting,
    day_of,
    joined,
    not_now,
    some,
    unsound,
    why_lost,
)
from opsbook.domains.patching.snapshot import Candidate, Snapshot
from opsbook.model.message import Message, msg
from opsbook.model.plan import HostPlan, Item, Outlook, UndoOutlook

SCHEMA = "opsbook.patching-plan/1"
_CERTIFICATE_NOTICE_DAYS = 14


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided for a host before its plan is put together.

    ``refusals`` are why nothing can be done there; ``past`` corrects the predicted duration.
    """

    baseline: Baseline
    choice: Choice
    refusals: Sequence[Message]
    past: Sequence[float]


def make_plan(host: str, snapshot: Snapshot, decided: Decided, setting: Setting) -> HostPlan:
    """The plan of ``host``. With a refusal every candidate is left out for it."""
    choice = decided.choice
    refusals = list(decided.refusals)
    if not refusals and choice.taken:
        refusals = not_now(snapshot, decided.baseline, setting, _candidates(choice.taken))
    taken = () if refusals else choice.taken
    reason = _reason(refusals, choice)
    candidates = _candidates(taken)
    effects = effects_of(candidates, snapshot)
    reboot = bool(taken) and reboot_expected(decided.baseline.reboot, effects)
    left_out = _left_out(choice, refusals, reason)
    return HostPlan(
        host=host,
        outlook=_outlook(refusals, taken),
        reason=reason,
        items=tuple(_item(one, snapshot) for one in taken),
        undo=_undo([one.name for one in candidates], snapshot),
        notes=_notes(snapshot, decided.baseline, effects, taken, setting) if taken else (),
        seconds=seconds(candidates, snapshot, effects, reboot=reboot, past=decided.past)
        if taken
        else 0,
        given=_given(snapshot, decided.baseline, effects, left_out, reboot=reboot),
    )


def ask_again(approved: HostPlan, snapshot: Snapshot, setting: Setting) -> HostPlan:
    """What ``snapshot`` would make of ``approved`` now; equal to it when nothing drifted."""
    if approved.outlook is not Outlook.CHANGE:
        return approved
    offered = {one.name: one for one in snapshot.candidates}
    planned = {item.key.removeprefix("package:"): item for item in approved.items}
    still = {name: offered[name] for name in planned if name in offered}
    baseline = Baseline.from_json(approved.given["baseline"])
    refusals = unsound(snapshot, baseline, setting.now)
    refusals += not_now(snapshot, baseline, setting, still.values())
    items = tuple(
        _asked(planned[name], one) for name, one in still.items() if one.why in ("", "phased")
    )
    return HostPlan(
        host=approved.host,
        outlook=_outlook(refusals, items),
        reason=joined(refusals) if refusals else _gone(planned, snapshot) if not items else None,
        items=() if refusals else items,
        undo=_undo(planned, snapshot),
        notes=approved.notes,
        seconds=approved.seconds,
        given=dict(approved.given) | _system(snapshot),
    )


def _asked(item: Item, now: Candidate) -> Item:
    detail = dict(item.detail) | {"from": now.before, "to": now.after, "sha256": now.sha256}
    return Item(item.key, item.text, now.before, now.after, item.coverage, detail)


def _gone(planned: Iterable[str], snapshot: Snapshot) -> Message:
    return msg(
        "the host's package lists no longer offer any of the {number} planned versions",
        number=len(list(planned)),
    )


def _candidates(taken: Iterable[Taken]) -> list[Candidate]:
    return [one.candidate for one in taken]


def _outlook(refusals: Sequence[Message], items: Sequence[object]) -> Outlook:
    if refusals:
        return Outlook.CANNOT
    return Outlook.CHANGE if items else Outlook.NOTHING


def _reason(refusals: Sequence[Message], choice: Choice) -> Message | None:
    if refusals:
        return joined(refusals)
    if choice.taken:
        return None
    if choice.left_out:
        return msg("none of its {number} updates is taken by the baseline",
                   number=len(choice.left_out))  # fmt: skip
    return msg("no update is pending")


def _left_out(
    choice: Choice, refusals: Sequence[Message], reason: Message | None
) -> list[dict[str, Any]]:
    """All that is not planned; with a refusal, also what would have been."""
    left = list(choice.left_out)
    if refusals and reason:
        left += [LeftOut(one.candidate, "host", reason) for one in choice.taken]
    return [one.to_json() for one in sorted(left, key=lambda one: one.candidate.name)]


def _item(one: Taken, snapshot: Snapshot) -> Item:
    candidate = one.candidate
    how, why = snapshot.undo.get(candidate.name, ("none", ""))
    detail = {
        "package": candidate.package,
        "arch": candidate.arch,
        "from": candidate.before,
        "to": candidate.after,
        "source": candidate.source,
        "source_version": candidate.source_after,
        "origin": candidate.origin,
        "suite": candidate.suite,
        "label": candidate.label,
        "security": candidate.security,
        "size": candidate.size,
        "installed_delta": candidate.installed_delta,
        "sha256": candidate.sha256,
        "cves": [fix.to_json() for fix in one.fixes],
        "severity": one.severity,
        "soak": one.soak.to_json(),
        "undo": how,
        "undo_problem": why,
        "conffiles": list(snapshot.conffiles.get(candidate.name, ())),
    }
    return Item(
        key=f"package:{candidate.name}",
        text=msg("Upgrade {package} from {before} to {after}",
                 package=candidate.package, before=candidate.before, after=candidate.after),
        before=candidate.before,
        after=candidate.after,
        detail=detail,
    )  # fmt: skip


def _undo(names: Iterable[str], snapshot: Snapshot) -> UndoOutlook:
    """How many of the installed versions can be brought back, and why the others cannot."""
    names = sorted(names)
    lost = [name for name in names if not snapshot.can_undo(name)]
    problems = tuple(
        msg("{package} {version} is neither in a cache nor in the archive: {why}",
            package=name, version=_installed(snapshot, name),
            why=why_lost(snapshot, name))
        for name in lost
    )  # fmt: skip
    return UndoOutlook(len(names) - len(lost), len(names), problems)


def _installed(snapshot: Snapshot, name: str) -> str:
    package = snapshot.installed.get(name)
    return package.version if package else "-"


def _given(
    snapshot: Snapshot,
    baseline: Baseline,
    effects: Effects,
    left_out: list[dict[str, Any]],
    *,
    reboot: bool,
) -> dict[str, Any]:
    return _system(snapshot) | {
        "schema": SCHEMA,
        "baseline": baseline.to_json(),
        "reboot": {"policy": baseline.reboot, "expected": reboot},
        "restart": baseline.restart,
        "restart_services": list(effects.restart) if baseline.restart == "affected" else [],
        "left_out": left_out,
    }


def _system(snapshot: Snapshot) -> dict[str, Any]:
    """What must be the same system when the plan is used."""
    return {"manager": snapshot.manager, "codename": snapshot.codename}


def _notes(
    snapshot: Snapshot,
    baseline: Baseline,
    effects: Effects,
    taken: Sequence[Taken],
    setting: Setting,
) -> tuple[Message, ...]:
    return (
        *_reboot_notes(snapshot, baseline, effects),
        *_restart_notes(baseline, effects),
        *_knowledge_notes(snapshot, taken, setting),
        *_other_notes(snapshot, taken, setting),
    )


def _reboot_notes(snapshot: Snapshot, baseline: Baseline, effects: Effects) -> Iterable[Message]:
    if reboot_expected(baseline.reboot, effects):
        why = joined(effects.boot_reasons) if effects.boot_reasons else msg("the baseline says so")
        yield msg("it is rebooted ({why})", why=why)
    elif effects.boot_reasons:
        yield msg("a reboot is due afterwards and is not made ({why})",
                  why=joined(effects.boot_reasons))  # fmt: skip
    if snapshot.boot.pending:
        yield msg("a reboot was due before this change")


def _restart_notes(baseline: Baseline, effects: Effects) -> Iterable[Message]:
    if effects.restart and baseline.restart == "affected":
        yield msg("services are restarted: {services}", services=", ".join(effects.restart))
    elif effects.restart:
        yield msg("services keep old code until they are restarted: {services}",
                  services=", ".join(effects.restart))  # fmt: skip
    if effects.sessions:
        yield msg("open sessions keep old code until they end: {number}",
                  number=len(effects.sessions))  # fmt: skip


def _knowledge_notes(
    snapshot: Snapshot, taken: Sequence[Taken], setting: Setting
) -> Iterable[Message]:
    if snapshot.manager == "apt":
        if setting.extract is None or snapshot.codename not in setting.extract.suites:
            yield msg("CVE ids come from changelogs alone: no tracker extract was imported")
        else:
            yield msg("the tracker extract is of {day}", day=setting.extract.made.date())
    early = [one.candidate.package for one in taken if one.soak.overridden]
    if early:
        yield msg("installed before their soak time, for the sake of named CVEs: {packages}",
                  packages=some(early))  # fmt: skip


def _other_notes(snapshot: Snapshot, taken: Sequence[Taken], setting: Setting) -> Iterable[Message]:
    if any(is_kernel(one.candidate.package) for one in taken) and snapshot.boot.container:
        yield msg("it is a container: its kernel package is upgraded and the host's kernel runs")
    changed = [path for one in taken for path in snapshot.conffiles.get(one.candidate.name, ())]
    if changed:
        yield msg("files changed by hand are kept as they are: {files}", files=some(changed))
    soon = setting.now.timestamp() + _CERTIFICATE_NOTICE_DAYS * 86400
    for path, not_after in snapshot.certificates:
        if not_after <= soon:
            yield msg("the certificate {path} ends {day}", path=path, day=day_of(not_after))
    for suite, until in snapshot.valid_until:
        if (ended := _moment(until)) and ended < setting.now:
            yield msg("the package lists of {suite} were valid until {day}",
                      suite=suite, day=ended.date())  # fmt: skip
    if snapshot.full_adds or snapshot.full_removes:
        yield msg("a full upgrade would add {added} packages and remove {removed}; this one does"
                  " neither",
                  added=len(snapshot.full_adds), removed=len(snapshot.full_removes))  # fmt: skip


def _moment(text: str) -> datetime | None:
    """A date as Release files write it (RFC 2822); None for what is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
