"""Doing what is planned on one host: first everything undo needs, then exactly the plan.

``prepare`` writes nothing but its own bundle. ``apply`` refuses before its first write unless the
host is where the plan starts (or on the way of this very change) and apt would do nothing else.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import bundles, journal
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Failed,
    Refused,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.journal import change_number
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import services, snapshot
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.bundle import (
    Bundle,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.names import (
    Step,
    steps_of,
)

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import Manager

Result = t.Dict[str, t.Any]


class Task(t.NamedTuple):
    """What a module was asked: the change, its plan of this host, and how it may go about it."""

    change: str
    plan: t.Mapping[str, t.Any]
    check: bool = False
    repair: bool = False
    keep: int = 3
    wait_seconds: int = 600

    @property
    def steps(self) -> list[Step]:
        """The planned packages. Raises Refused."""
        return steps_of(self.plan)

    @property
    def given(self) -> t.Mapping[str, t.Any]:
        """What the plan binds beside its packages."""
        return self.plan.get("given") or {}

    @property
    def boots(self) -> bool:
        """Whether the change ends with a boot of this host."""
        return bool((self.given.get("reboot") or {}).get("expected"))

    @property
    def under_way(self) -> bool:
        """Whether this change has begun to write here before and did not come to its end."""
        return journal.state(self.change) in ("applying", "undoing")


def prepare(manager: Manager, task: Task) -> Result:
    """Make the undo bundle unless this change has a complete one. Raises Refused."""
    change_number(task.change)
    bundle, steps = Bundle(task.change), task.steps
    before = snapshot.brief(manager)
    kept = _is_kept(bundle, task, steps)
    if task.check:
        _require_start(manager, task, steps)
        return {"changed": not kept, "opsbook_evidence": {"before": before}}
    dropped: list[str] = []
    with journal.alone(task.wait_seconds):
        manager.reload()
        if not kept:
            _require_start(manager, task, steps)
            journal.note(task.change, "begun")
            bundle.make(manager, steps, _given_up(task.plan), before)
            journal.note(task.change, "prepared")
            dropped = bundles.drop_old(task.keep, task.change)
        elif journal.state(task.change) != "applied":
            bundle.refetch(manager, _unfinished(manager, steps))
    return {
        "changed": not kept,
        "opsbook_prepared": bundle.summary(),
        "opsbook_evidence": {"before": before, "bundles_dropped": dropped},
    }


def _is_kept(bundle: Bundle, task: Task, steps: t.Sequence[Step]) -> bool:
    """A bundle that was used up by an undo is made anew: the host may have changed since."""
    usable = journal.state(task.change) in ("prepared", "applying", "applied", "undoing")
    return usable and bundle.covers(steps)


def _given_up(plan: t.Mapping[str, t.Any]) -> set[str]:
    """Packages that the approved plan itself says cannot be brought back."""
    details = [item.get("detail") or {} for item in plan.get("items") or []]
    return {f"{d.get('package')}:{d.get('arch')}" for d in details if d.get("undo") == "none"}


def apply(manager: Manager, task: Task) -> Result:
    """Install exactly what is planned. Raises Refused before and Failed after the first write."""
    change_number(task.change)
    started, steps, bundle = time.monotonic(), task.steps, Bundle(task.change)
    if task.check:
        return _would_apply(manager, task, steps)
    with journal.alone(task.wait_seconds):
        manager.reload()
        manifest = bundle.checked()
        if not bundle.covers(steps):
            raise Refused(
                f"The undo bundle of {task.change} was made for other packages than the plan has."
                " Nothing was installed."
            )
        repaired = _repair(manager, task)
        todo = _todo(manager, task, steps)
        if todo:
            _require_files(manager, todo, bundle.forward)
            manager.foresee(todo, bundle.forward)
            _install_noted(manager, task, todo, bundle)
        marks = manager.restore_marks(manifest["packages"])
        restarted, dead = _restart(task)
        if todo or repaired or journal.state(task.change) != "applied":
            altered = services.altered(manifest["services"])
            journal.note(task.change, "applied", altered, boots=task.boots)
        bundle.drop_forward()
    if dead:
        raise Failed(f"These services did not come back after the upgrade: {', '.join(dead)}.")
    applied = {
        "restarted": restarted,
        "rebooted": journal.booted(task.change),
        "conffiles_kept": manager.kept_own(manifest["packages"]),
        "seconds": round(time.monotonic() - started),
    }
    evidence = {"applied": applied, "after": snapshot.brief(manager)}
    owed = journal.boot_owed(task.change)
    changed = bool(todo or repaired or marks or restarted or owed)
    return {"changed": changed, "opsbook_boot_owed": owed, "opsbook_evidence": evidence}


def _would_apply(manager: Manager, task: Task, steps: t.Sequence[Step]) -> Result:
    """Check mode: the same refusals, as far as they need no package files."""
    todo = _todo(manager, task, steps)
    applied: Result = {"restarted": [], "rebooted": False, "conffiles_kept": [], "seconds": 0}
    evidence = {"applied": applied, "after": snapshot.brief(manager)}
    owed = journal.boot_owed(task.change) or bool(todo and task.boots)
    return {"changed": bool(todo), "opsbook_boot_owed": owed, "opsbook_evidence": evidence}


def _repair(manager: Manager, task: Task) -> bool:
    """Finish an interrupted package manager where that is ours to do. Raises Refused, Failed."""
    if not manager.state()["interrupted"]:
        return False
    if not (task.repair or task.under_way):
        raise Refused(
            "The package manager was interrupted before this change: "
            + (", ".join(manager.state()["audit"][:5]) or "unfinished notes")
            + ". Nothing was installed; finish it (dpkg --configure -a) or allow the repair."
        )
    ours = task.under_way
    journal.note(task.change, "applying")
    trouble = manager.repair(journal.log_path(task.change))
    if trouble and not ours:  # ours may need the rest of the plan before it can be finished
        raise Failed(f"What the package manager left half done cannot be finished: {trouble}")
    return True


def _require_start(manager: Manager, task: Task, steps: t.Sequence[Step]) -> None:
    """Every package is where the plan starts. Raises Refused."""
    if manager.state()["interrupted"] and not task.repair:
        raise Refused(
            "The package manager was interrupted before this change. Nothing was touched;"
            " finish it (dpkg --configure -a) or allow the repair."
        )
    for step in steps:
        now = manager.version(step.name)
        if now != step.before:
            raise Refused(_elsewhere(step, now, step.before))
        if manager.is_held(step.name):
            raise Refused(f"{step.name} is held on this host. Nothing was touched.")


def _todo(manager: Manager, task: Task, steps: t.Sequence[Step]) -> list[Step]:
    """The packages that are not yet as planned. Raises Refused for one that is somewhere else."""
    for step in steps:
        now = manager.version(step.name)
        if now not in (step.before, step.after):
            raise Refused(_elsewhere(step, now, step.before))
    todo = _unfinished(manager, steps)
    for step in todo:
        if manager.is_held(step.name):
            raise Refused(f"{step.name} is held on this host. Nothing was installed.")
    return todo


def _unfinished(manager: Manager, steps: t.Sequence[Step]) -> list[Step]:
    """The packages that are not wholly at their planned version."""
    return [step for step in steps if not _is_there(manager, step)]


def _is_there(manager: Manager, step: Step) -> bool:
    now = manager.version(step.name)
    return now == step.after and (not now or manager.is_whole(step.name))


def _elsewhere(step: Step, now: str, start: str) -> str:
    return (
        f"{step.name} is at {now or 'no version'} here and the plan starts from"
        f" {start or 'no version'}. Nothing was touched."
    )


def _require_files(manager: Manager, todo: t.Sequence[Step], forward: str) -> None:
    for step in todo:
        if step.after and not manager.is_fetched(step, forward):
            raise Refused(
                f"The package file of {step.name} {step.after} is not there as planned."
                " Nothing was installed; prepare the change again."
            )


def _install_noted(manager: Manager, task: Task, todo: t.Sequence[Step], bundle: Bundle) -> None:
    """Install; where that fails, note for the undo which services the attempt altered."""
    try:
        _install(manager, task, todo, bundle)
    except Failed:
        before = (bundle.manifest() or {}).get("services", [])
        journal.note(task.change, "applying", services.altered(before))
        raise


def _install(manager: Manager, task: Task, todo: t.Sequence[Step], bundle: Bundle) -> None:
    others = _others(manager, task.steps)
    journal.note(task.change, "applying")
    manager.install(todo, bundle.forward, journal.log_path(task.change))
    for step in task.steps:
        if manager.version(step.name) != step.after:
            now = manager.version(step.name) or "no version"
            raise Failed(f"{step.name} is at {now} after the upgrade, and not at {step.after}.")
        if step.after and not manager.is_whole(step.name):
            raise Failed(f"{step.name} is not fully installed after the upgrade.")
    beyond = sorted({name for name, _ in others ^ _others(manager, task.steps)})
    if beyond:
        raise Failed(f"More than the plan changed: {', '.join(beyond[:10])}.")


def _others(manager: Manager, steps: t.Sequence[Step]) -> set[tuple[str, str]]:
    """Installed packages that the plan does not name."""
    planned = {step.name for step in steps}
    rows = [(f"{row['package']}:{row['arch']}", row["version"]) for row in manager.rows()]
    return {row for row in rows if row[0] not in planned}


def _restart(task: Task) -> tuple[list[str], list[str]]:
    if task.given.get("restart") == "none":
        return [], []
    approved = task.given.get("restart_services") or []
    return services.restart_stale({str(unit) for unit in approved})
