"""Bringing one host back to what it was before a change, from its undo bundle and nothing else.

Works on a host that is half-way, without a network, and again after it was itself cut short.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import journal, keepsakes
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Failed,
    Refused,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.journal import change_number
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import services, traces
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.applying import (
    Result,
    Task,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.bundle import Bundle

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import Manager

Row = t.Dict[str, t.Any]


def undo(manager: Manager, task: Task) -> Result:
    """Bring the host back. Raises Refused before and Failed after the first write."""
    change_number(task.change)
    bundle = Bundle(task.change)
    if task.check:
        if _has_nothing(manager, task, bundle):
            return _nothing()
        rows = _away(manager, bundle.checked()["packages"])
        return {"changed": bool(rows), "opsbook_undone": _told(rows, [], [])}
    with journal.alone(task.wait_seconds):
        manager.reload()
        return _nothing() if _has_nothing(manager, task, bundle) else _undo(manager, task, bundle)


def _has_nothing(manager: Manager, task: Task, bundle: Bundle) -> bool:
    """Whether there is nothing to undo. Raises Refused where neither journal nor bundle tells."""
    if journal.state(task.change) not in ("", "begun", "prepared"):
        return False
    if traces.wrote_nothing(task.change, manager, task.steps):
        return True
    if bundle.manifest() is None:
        step = traces.as_planned(manager, task.steps)[0]
        raise Refused(
            f"{step.name} stands where {task.change} would have put it, its journal here is missing"
            " or does not say who did that, and there is no undo bundle to go back from. Nothing"
            f" was touched; bring back {step.before or 'no version'} by hand."
        )
    return False


def _nothing() -> Result:
    why = "this change has written nothing here"
    return {"changed": False, "opsbook_undone": {"verified": True, "packages": [], "why": why}}


def _undo(manager: Manager, task: Task, bundle: Bundle) -> Result:
    manifest = bundle.checked()
    started = time.monotonic()
    rows = manifest["packages"]
    _require_known(manager, rows)
    away = _away(manager, rows)
    conffiles = f"{bundle.directory}/conffiles"
    pending = away or keepsakes.differing(manifest["conffiles"])
    if pending or journal.state(task.change) != "undone":
        journal.note(task.change, "undoing")
    if away:
        manager.bring_back(away, f"{bundle.directory}/back", journal.log_path(task.change))
    paths = keepsakes.put_back(manifest["conffiles"], conffiles)
    left = manager.with_leftovers(away)
    if left:
        manager.bring_back(left, f"{bundle.directory}/back", journal.log_path(task.change))
        keepsakes.put_back(manifest["conffiles"], conffiles)
    marks = manager.restore_marks(rows)
    _verify(manager, manifest)
    ours = services.concerned(task, manager.files_of(_installed(manager, rows)))
    changed_services, failed, others = services.put_back(manifest["services"], ours)
    restarted, dead = _renew(task, bool(away or paths))
    _verify_services(sorted({*failed, *dead}))
    journal.note(task.change, "undone")
    told = _told(away, paths, marks)
    told.update(
        services=sorted({*changed_services, *restarted}),
        services_left=others,
        seconds=round(time.monotonic() - started),
    )
    return {
        "changed": bool(away or paths or marks or changed_services),
        "opsbook_undone": told,
        "opsbook_evidence": {"undone": told},
    }


def _away(manager: Manager, rows: t.Sequence[Row]) -> list[Row]:
    """Packages that are not what they were; those that were given up when approved stay."""
    return [
        row
        for row in rows
        if (row["file"] or not row["before"])
        and (
            manager.version(row["key"]) != row["before"]
            or (row["before"] and not manager.is_whole(row["key"]))
        )
    ]


def _installed(manager: Manager, rows: t.Sequence[Row]) -> list[str]:
    return [row["key"] for row in rows if manager.version(row["key"])]


def _require_known(manager: Manager, rows: t.Sequence[Row]) -> None:
    """Somebody who has upgraded further since must not lose that unasked. Raises Refused."""
    for row in rows:
        now = manager.version(row["key"])
        if now and now not in (row["before"], row["after"]):
            raise Refused(
                f"{row['key']} is at {now}, which is neither before ({row['before'] or '-'}) nor"
                f" after ({row['after'] or '-'}) this change. Nothing was touched; undo what came"
                " later first."
            )


def _verify(manager: Manager, manifest: Row) -> None:
    wrong = [row["key"] for row in _away(manager, manifest["packages"])]
    wrong += [row["path"] for row in keepsakes.differing(manifest["conffiles"])]
    if wrong:
        raise Failed(f"After the undo these are not what they were: {', '.join(wrong[:10])}.")


def _renew(task: Task, needed: bool) -> tuple[list[str], list[str]]:
    """Restart what runs the code that was just taken away, as the plan allowed it forward."""
    if not needed or task.given.get("restart") == "none":
        return [], []
    approved = task.given.get("restart_services") or []
    return services.restart_stale({str(unit) for unit in approved})


def _verify_services(dead: t.Sequence[str]) -> None:
    if dead:
        raise Failed(f"Packages are as before, but these services do not run: {', '.join(dead)}.")


def _told(away: t.Sequence[Row], paths: t.Sequence[str], marks: t.Sequence[str]) -> Row:
    packages = [
        {"package": row["key"], "from": row["after"], "to": row["before"], "how": row["how"]}
        for row in away
    ]
    return {"verified": True, "packages": packages, "conffiles": list(paths), "marks": list(marks)}
