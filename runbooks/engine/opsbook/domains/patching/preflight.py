"""Why a host cannot be patched now: every reason, each with what to do about it. Pure.

Learned from what breaks hosts: a half-configured dpkg, a kernel that was installed and never
booted, a full root, package lists from last month, a backup nobody made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from opsbook.domains.patching.baseline import Baseline
from opsbook.domains.patching.effects import space_needed
from opsbook.domains.patching.knowledge.store import Extract
from opsbook.domains.patching.snapshot import Candidate, Snapshot
from opsbook.execution.surveyed import occupied
from opsbook.model.message import Message, msg

_SHOWN = 5
_MENDING = {
    "deb": ("dpkg --configure -a", "apt-get --fix-broken install"),
    "rpm": ("dnf history redo last", "dnf check"),
}
"""What ends an interrupted package manager, and what mends dependencies."""

_LOST: dict[str, Message] = {
    "half_installed": msg("it is not fully installed and no archive has it any more"),
    "not_offered": msg("no repository has it any more, and rpm cannot make it of installed files"),
}
"""Why a version cannot be had again, by the word of the survey (``aptoffers``, ``dnflists``)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What besides the host itself decides: the moment, the run, the window's end, the tracker.

    ``until`` is when the work is over at the latest: when the change's window closes, else when
    the run's time limit would end now; ``runs`` are the numbers under which this
    change may hold the host's marker; ``needs_backup`` is what the runbook's restore point says.
    """

    now: datetime
    until: datetime
    runs: Collection[str]
    needs_backup: bool
    extract: Extract | None


def unsound(snapshot: Snapshot, baseline: Baseline, now: datetime) -> list[Message]:
    """Why nothing can be installed on this host at all; empty when it can."""
    return [*_system(snapshot, baseline, now), *_package_manager(snapshot)]


def outdated(snapshot: Snapshot, baseline: Baseline, setting: Setting) -> list[Message]:
    """Why nothing can be chosen from what is known; asked when planning, never again after."""
    return [*_lists(snapshot, baseline), *_tracker(snapshot, baseline, setting)]


def not_now(
    snapshot: Snapshot, baseline: Baseline, setting: Setting, taken: Iterable[Candidate]
) -> list[Message]:
    """Why ``taken`` cannot be installed now; empty when it can."""
    taken = list(taken)
    return [
        *filter(None, [occupied(snapshot.lease, setting.runs)]),
        *_kernel(snapshot),
        *_space(snapshot, baseline, taken),
        *_certificates(snapshot, setting),
        *_backup(snapshot, baseline, setting),
        *_undoable(snapshot, taken),
    ]


def joined(reasons: Iterable[Message]) -> Message:
    """Several reasons as one message."""
    result: Message | None = None
    for reason in reasons:
        result = reason if result is None else msg("{first}; {then}", first=result, then=reason)
    return result or Message("")


def _system(snapshot: Snapshot, baseline: Baseline, now: datetime) -> Iterator[Message]:
    if snapshot.trouble:
        yield msg("its packages cannot be read: {trouble}", trouble=snapshot.trouble)
    elif not snapshot.manager:
        yield msg("it has neither apt nor dnf")
    day = baseline.support_end or snapshot.support_end
    try:
        end = date.fromisoformat(day)
    except ValueError:
        return
    if end < now.date():
        yield msg("{system} has had no support since {day}: it gets no security updates; move it"
                  " to a supported release, or say with support_end in opsbook_patching until"
                  " when support was bought",
                  system=snapshot.os_name or "-", day=day)  # fmt: skip


def _package_manager(snapshot: Snapshot) -> Iterator[Message]:
    configure, mend = _MENDING[snapshot.family]
    if snapshot.interrupted or snapshot.audit:
        yield msg(
            "the package manager was interrupted ({what}): run {command} there",
            what=some(snapshot.audit) or "-", command=configure,
        )  # fmt: skip
    if snapshot.broken:
        yield msg(
            "dependencies are broken ({packages}): run {command} there",
            packages=some(snapshot.broken), command=mend,
        )  # fmt: skip
    if snapshot.locks:
        yield msg(
            "the package manager is in use by {who}: wait for it to end",
            who=some(snapshot.locks),
        )


def _lists(snapshot: Snapshot, baseline: Baseline) -> Iterator[Message]:
    if not baseline.lists_days or not snapshot.manager or snapshot.trouble:
        return
    if not snapshot.lists_newest:
        yield msg("it has no package lists: plan with --set refresh=true")
    elif snapshot.now - snapshot.lists_newest > baseline.lists_days * 86400:
        yield msg("its package lists are of {day}, older than {days} days: plan with"
                  " --set refresh=true",
                  day=day_of(snapshot.lists_newest), days=baseline.lists_days)  # fmt: skip


def _tracker(snapshot: Snapshot, baseline: Baseline, setting: Setting) -> Iterator[Message]:
    """A severity is asked for, and nothing says how severe a CVE is."""
    if baseline.severity == "any" or not baseline.tracker_days or snapshot.manager != "apt":
        return
    extract = setting.extract
    if extract is None or snapshot.codename not in extract.suites:
        yield msg("severities of {suite} are not known: import an extract with opsbook patching"
                  " tracker import",
                  suite=snapshot.codename or "-")  # fmt: skip
    elif setting.now - extract.made > timedelta(days=baseline.tracker_days):
        yield msg("the tracker extract is of {day}, older than {days} days: import a newer one",
                  day=extract.made.date().isoformat(), days=baseline.tracker_days)  # fmt: skip


def _kernel(snapshot: Snapshot) -> Iterator[Message]:
    boot = snapshot.boot
    if boot.pending and not boot.container and boot.newest not in ("", boot.running):
        yield msg("kernel {newest} is installed and {running} runs: reboot it first",
                  newest=boot.newest, running=boot.running or "-")  # fmt: skip


def _space(snapshot: Snapshot, baseline: Baseline, taken: list[Candidate]) -> Iterator[Message]:
    """Paths on one file system add up; the floor stays free on each."""
    needs = space_needed(taken)
    mounts: dict[str, tuple[int, int]] = {}
    for path, (mount, free) in snapshot.space.items():
        needed, least = mounts.get(mount or path, (0, free))
        mounts[mount or path] = needed + needs.get(path, 0), min(least, free)
    for mount, (needed, free) in sorted(mounts.items()):
        floor = 0 if mount == "/boot" else baseline.free_mib * 2**20
        if needed and free - needed < floor:
            yield msg(
                "{mount} has {free} MiB free, {needed} MiB are needed and {floor} MiB must stay"
                " free: make room there",
                mount=mount, free=free >> 20, needed=-(-needed >> 20), floor=floor >> 20,
            )  # fmt: skip


def _certificates(snapshot: Snapshot, setting: Setting) -> Iterator[Message]:
    until = setting.until.timestamp()
    for path, not_after in snapshot.certificates:
        if not_after <= until:
            yield msg("the certificate {path} ends {day}, before the work is over: renew it first",
                      path=path, day=day_of(not_after))  # fmt: skip


def _backup(snapshot: Snapshot, baseline: Baseline, setting: Setting) -> Iterator[Message]:
    days = baseline.backup_days or (1 if setting.needs_backup else 0)
    if days and not any(0 <= snapshot.now - made <= days * 86400 for made in snapshot.backups):
        yield msg("it has no restore point of the last {days} days: make a backup first",
                  days=days)  # fmt: skip


def _undoable(snapshot: Snapshot, taken: list[Candidate]) -> Iterator[Message]:
    lost = [one for one in taken if not snapshot.can_undo(one.name)]
    if lost:
        yield msg(
            "{number} of {total} packages could not be brought back ({packages}): {why}; exclude"
            " them, or provide their installed versions",
            number=len(lost), total=len(taken), packages=some(one.package for one in lost),
            why=why_lost(snapshot, lost[0].name),
        )  # fmt: skip


def why_lost(snapshot: Snapshot, name: str) -> Message | str:
    """Why the installed version of package ``name`` cannot be had again; a word of the survey
    that is not known stays as the host said it.
    """
    word = snapshot.undo.get(name, ("", ""))[1]
    return _LOST.get(word, word or "-")


def some(names: Iterable[str]) -> str:
    """The first few of ``names``."""
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")


def day_of(seconds: int) -> str:
    """The day (UTC) of seconds since 1970; the number itself where there is no such day."""
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return str(seconds)
