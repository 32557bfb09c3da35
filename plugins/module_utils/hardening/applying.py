"""Doing what is planned on one host, a stage at a time: all of it in one pass.

``prepare`` keeps what undo needs and writes nothing else. A stage refuses before its first write
unless every step stands where the plan starts; the new files are asked about, then put in place,
then services read them, then what is live is changed, and at last every step is looked at again.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import (
    activations,
    effects,
    logfiles,
    looking,
    observing,
    validation,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.guard import Guard
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.kept import (
    Kept,
    also_written,
    packages_of,
    planned_rows,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.looking import Looked
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.task import Result, Task
from ansible_collections.opsbook.runbooks.plugins.module_utils.host import (
    bundles,
    journal,
    keepsakes,
    placing,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Failed,
    Refused,
    run,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import manager

Row = t.Dict[str, t.Any]


def prepare(host: Host, task: Task) -> Result:
    """Keep what undo needs, unless this change has. Raises Refused, leaving nothing behind."""
    journal.change_number(task.change)
    kept, rows = Kept(task.change), task.rows
    usable = journal.state(task.change) in ("prepared", "applying", "applied", "undoing")
    there = usable and kept.covers(rows)
    if task.check:
        if not there:
            _looked_as_planned(host, task, rows)
        return {"changed": not there}
    dropped: list[str] = []
    with journal.alone(task.wait_seconds):
        if not there:
            draft, _ = _looked_as_planned(host, task, rows)
            validation.require(draft)
            journal.note(task.change, "begun")
            kept.make(draft, rows, manager() if draft.packages else None)
            journal.note(task.change, "prepared")
            dropped = bundles.drop_old(task.keep, task.change)
    evidence = {"bundles_dropped": dropped}
    return {"changed": not there, "opsbook_prepared": kept.summary(), "opsbook_evidence": evidence}


def _looked_as_planned(host: Host, task: Task, rows: t.Sequence[t.Any]) -> tuple[
        Draft, list[Looked]]:  # fmt: skip
    """Every step stands where the plan starts, or is done already. Raises Refused."""
    draft, looks = looking.look_at(host, rows)
    planned = {item.get("key"): item for item in task.plan.get("items") or []}
    for one in looks:
        if one.look.problem:
            raise Refused(f"Step {one.step.id} cannot be done here: {one.look.problem}."
                          " Nothing was touched.")  # fmt: skip
        item = planned.get(f"control:{one.step.id}")
        if item and one.changes and not task.under_way:
            _require_same(one, item)
    return draft, looks


def _require_same(one: Looked, item: t.Mapping[str, t.Any]) -> None:
    for word, now in (("before", one.look.before), ("after", one.look.after)):
        if now != (item.get(word) or ""):
            raise Refused(
                f"Step {one.step.id} has {now!r} here where the plan has {item.get(word)!r}."
                " Nothing was touched; plan again."
            )


def apply(host: Host, task: Task) -> Result:
    """Do one stage. Raises Refused before and Failed after the first write."""
    journal.change_number(task.change)
    started, rows, kept = time.monotonic(), task.of_stage(), Kept(task.change)
    if task.check:
        _, looks = _looked_as_planned(host, task, rows)
        return {"changed": any(one.changes for one in looks)}
    with journal.alone(task.wait_seconds):
        kept.checked()
        if not kept.covers(task.rows):
            raise Refused(f"The undo bundle of {task.change} was made for other steps than the plan"
                          " has. Nothing was touched.")  # fmt: skip
        guard = Guard(task.change)
        if guard.state in ("armed", "reverting"):
            guard.revert()  # an attempt of before that was cut short
        _require_ours(kept, task)
        draft, looks = _looked_as_planned(host, task, rows)
        done = _Stage(host, task, kept, guard).perform(draft, looks)
        if not (task.has_risky and task.stage == "safe") and not done["guarded"]:
            journal.note(task.change, "applied")
    told = {**done, "seconds": round(time.monotonic() - started)}
    key = "applied" if task.stage == "safe" else "applied_risky"
    evidence: Row = {key: told}
    if task.script and not task.has_risky:
        evidence["after"] = observing.after(host, task)
    return {"changed": bool(done["changed"]), "opsbook_evidence": evidence,
            "guarded": done["guarded"]}  # fmt: skip


def _require_ours(kept: Kept, task: Task) -> None:
    """Where this change was at work before, its files must be as it left them. Raises Refused."""
    elsewhere = kept.elsewhere() if task.under_way else []
    if elsewhere:
        raise Refused(f"{', '.join(elsewhere[:5])} was changed by somebody else while"
                      f" {task.change} was under way. It was not touched.")  # fmt: skip


class _Stage:
    """One stage on its way. What it says in the end goes into the record."""

    def __init__(self, host: Host, task: Task, kept: Kept, guard: Guard) -> None:
        self.host, self.task, self.kept, self.guard = host, task, kept, guard
        self.risky = task.stage == "risky"

    def perform(self, draft: Draft, looks: list[Looked]) -> Row:
        """Everything that the draft holds, or nothing."""
        todo = [one for one in looks if one.changes]
        told: Row = {"stage": self.task.stage, "changed": [one.step.id for one in todo],
                     "unchanged": len(looks) - len(todo), "services": [],
                     "guarded": False}  # fmt: skip
        if not todo:
            return told
        logs = logfiles.there()
        if draft.packages:
            self._packages(draft)
            draft, _ = _looked_as_planned(self.host, self.task, self.task.of_stage())
        else:
            validation.require(draft)
            journal.note(self.task.change, "applying")
        self.kept.extend(draft)
        if self.risky:
            self.guard.arm(self.host, draft, self.task.seconds)
            told["guarded"] = True
        try:
            told["services"] = self._write(draft)
            logfiles.close(logs)
            self._require_done()
            if self.risky:
                self.guard.done()
        except (Refused, Failed, OSError):
            if self.risky:
                self.guard.revert()
            raise
        return told

    def _packages(self, draft: Draft) -> None:
        """Install and remove exactly what is planned, then ask about the new files."""
        own, steps = manager(), packages_of(draft.packages)
        if own is None:
            raise Refused("Neither apt nor dnf is on this host. Nothing was touched.")
        kept = {(row["key"], row["after"]) for row in (self.kept.manifest() or {})["packages"]}
        beyond = [one.name for one in steps if (one.name, one.after) not in kept]
        if beyond:
            raise Refused(f"{beyond[0]} would change as well, which was not prepared. Nothing was"
                          " touched.")  # fmt: skip
        if own.state()["interrupted"]:
            self._repair(own)
        missing = [one for one in steps if one.after and not own.is_fetched(one, self.kept.forward)]
        if missing:
            raise Refused(f"The package file of {missing[0].name} is not there as planned. Nothing"
                          " was touched; prepare the change again.")  # fmt: skip
        own.foresee(steps, self.kept.forward)
        journal.note(self.task.change, "applying")
        brought = self._brought(steps)
        self.kept.note_generated(brought, done=False)
        own.install(steps, self.kept.forward, journal.log_path(self.task.change))
        self.kept.note_generated(brought, done=True)
        wrong = [one.name for one in steps if own.version(one.name) != one.after]
        if wrong:
            raise Failed(f"{wrong[0]} is at {own.version(wrong[0]) or 'no version'} afterwards, and"
                         " not as planned.")  # fmt: skip
        again, _ = looking.look_at(self.host, self.task.of_stage())
        try:
            validation.require(again)
        except Refused as refused:
            raise Failed(f"{refused}. Packages are installed; undo brings them back.") from refused

    def _brought(self, steps: t.Sequence[t.Any]) -> list[str]:
        """What packages write of the kept files: stacks of PAM, and conffiles that steps change."""
        manifest = self.kept.manifest() or {}
        theirs = {row["path"] for row in manifest["conffiles"]}
        ours = {row["path"] for row in manifest["paths"]}
        return sorted({*also_written(steps), *(theirs & ours)})

    def _repair(self, own: t.Any) -> None:
        """Finish an interrupted package manager where it was this change's. Raises Refused."""
        if journal.state(self.task.change) != "applying":
            raise Refused("The package manager was interrupted before this change. Nothing was"
                          " touched; finish it (dpkg --configure -a).")  # fmt: skip
        own.repair(journal.log_path(self.task.change))

    def _write(self, draft: Draft) -> list[str]:
        """Accounts and groups, files, what is live, services that read files, units; in words."""
        self.kept.note_written(planned_rows(draft))
        self._make(draft, ("group", "account"))
        for path in sorted(draft.files):
            placing.place(path, draft.files[path])
        for path, wants in sorted(draft.attributes.items()):
            placing.set_attributes(path, *wants)
        for generator in draft.generators.values():
            self._generate(generator)
        self._make(draft, ("module", "sysctl", "mount", "nft"))
        read = activations.of(draft.paths, draft.asked)
        done, wrong = activations.perform(self.host, read)
        if wrong:
            raise Failed(f"A service did not take it: {'; '.join(wrong)}.")
        self._make(draft, ("unit",))
        return done

    def _make(self, draft: Draft, kinds: t.Sequence[str]) -> None:
        """Change what is live and of these kinds. Raises Failed."""
        for one in sorted(draft.effects.values(), key=lambda one: effects.ORDER.index(one.kind)):
            if one.kind in kinds:
                at = effects.now(self.host, one.kind, one.key)
                run_all(effects.commands(one.kind, one.key, at, one.wanted))

    def _generate(self, generator: t.Any) -> None:
        self.kept.note_generated(generator.paths, done=False)
        result = run(*generator.argv, timeout=3600)
        trouble = result.words if result.status else ""
        trouble = trouble or validation.require_generated(self.host, generator.paths)
        if trouble:
            for part, directory in self.kept.parts():
                rows = [one for one in part["paths"] if one["path"] in generator.paths]
                keepsakes.put_back(rows, directory, strict=True)
            raise Failed(f"{generator.name} went wrong, its files were brought back: {trouble}")
        self.kept.note_generated(generator.paths, done=True)

    def _require_done(self) -> None:
        """Every step finds nothing more to do. Raises Failed."""
        _, looks = looking.look_at(self.host, self.task.of_stage())
        left = [one for one in looks if one.changes or one.look.problem]
        if left:
            why = left[0].look.problem or f"it is still {left[0].look.before}"
            raise Failed(f"Step {left[0].step.id} is not done afterwards: {why}.")


def run_all(commands: t.Iterable[effects.Command]) -> None:
    """Run them one after the other. Raises Failed at the first that goes wrong."""
    for command in commands:
        done = run(*command.argv, text=command.text, timeout=300)
        if done.status:
            raise Failed(f"{' '.join(command.argv)}: {done.words}")


def confirm(host: Host, task: Task) -> Result:
    """Take the guard off, because this is a fresh login over the same path. Raises Failed."""
    journal.change_number(task.change)
    guard = Guard(task.change)
    if task.check:
        return {"changed": guard.state == "armed"}
    doubts = guard.doubts() if guard.state == "armed" else ""
    if doubts:
        raise Failed(f"The risky stage of {task.change} is not confirmed: {doubts}. It comes"
                     " back by itself.")  # fmt: skip
    stood = guard.stand_down("confirmed")
    if guard.state in ("reverting", "reverted"):
        raise Failed(
            f"No fresh login came in time, so the risky stage of {task.change} was brought back by"
            " the host itself. Everything before it is in place until the change is undone."
        )
    if guard.state != "confirmed":
        raise Failed(f"{task.change} has no risky stage here that could be confirmed.")
    with journal.alone(task.wait_seconds):
        if journal.state(task.change) == "applying":
            journal.note(task.change, "applied")
    evidence: Row = {"confirmed": True}
    if task.script:
        evidence["after"] = observing.after(host, task)
    return {"changed": stood, "opsbook_evidence": evidence}
