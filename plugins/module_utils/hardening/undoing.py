"""Bringing one host back to what it was before a change, from its undo bundle and nothing else.

Works on a host that is half-way, and again after it was itself cut short. What somebody else has
changed since is not overwritten: the undo refuses before its first write and names it.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import activations, effects
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.applying import run_all
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Effect
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.guard import Guard
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.kept import Kept
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.task import Result, Task
from ansible_collections.opsbook.runbooks.plugins.module_utils.host import journal, keepsakes
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Failed, Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import manager

Row = t.Dict[str, t.Any]
_BEFORE_FILES = ("unit", "nft", "mount", "module", "sysctl")
_AFTER_FILES = ("account", "group", "sysctl", "unit")


def undo(host: Host, task: Task) -> Result:
    """Bring the host back. Raises Refused before and Failed after the first write."""
    journal.change_number(task.change)
    kept, guard = Kept(task.change), Guard(task.change)
    if _has_nothing(task, kept):
        return _nothing()
    if task.check:
        return {"changed": True, "opsbook_undone": {"verified": False, "why": "only looked"}}
    with journal.alone(task.wait_seconds):
        if guard.state in ("armed", "reverting"):
            guard.revert()
        return _Undo(host, task, kept).perform()


def _has_nothing(task: Task, kept: Kept) -> bool:
    word = journal.state(task.change)
    if word == "undone" and kept.manifest() is not None:
        return not _away(kept)
    return word in ("", "begun", "prepared", "undone") and not kept.written()


def _away(kept: Kept) -> list[str]:
    rows = [*kept.rows("paths"), *kept.rows("attributes")]
    return [row["path"] for row in keepsakes.differing(rows)]


def _nothing() -> Result:
    why = "this change has written nothing here"
    return {"changed": False, "opsbook_undone": {"verified": True, "files": [], "why": why}}


class _Undo:
    """One undo on its way."""

    def __init__(self, host: Host, task: Task, kept: Kept) -> None:
        self.host, self.task, self.kept = host, task, kept
        self.manifest = kept.checked()
        self.packages: list[Row] = self.manifest["packages"]
        self.manager: t.Any = manager() if self.packages else None
        self.live: list[str] = []

    def perform(self) -> Result:
        started = time.monotonic()
        self._require_ours()
        journal.note(self.task.change, "undoing")
        self._bring_live_back(_BEFORE_FILES)
        paths = self._put_back()
        packages = self._packages_back()
        paths += [path for path in self._put_back() if path not in paths]
        self._directories_gone()
        self._empty_back()
        self._bring_live_back(_AFTER_FILES)
        done, wrong = activations.perform(self.host, activations.of(paths))
        self._verify()
        if wrong:
            raise Failed(
                f"Files are as before, but a service did not take them: {'; '.join(wrong)}."
            )
        journal.note(self.task.change, "undone")
        told = {"verified": True, "files": sorted(paths), "live": sorted(set(self.live)),
                "packages": packages, "services": done,
                "seconds": round(time.monotonic() - started)}  # fmt: skip
        changed = bool(paths or self.live or packages)
        return {"changed": changed, "opsbook_undone": told, "opsbook_evidence": {"undone": told}}

    def _require_ours(self) -> None:
        """Refuse, naming it, when somebody else has changed what this change wrote."""
        found = self.kept.elsewhere()
        found += effects.elsewhere(self.host, self.kept.effects())
        for row in self.packages:
            now = self.manager.version(row["key"])
            if now and now not in (row["before"], row["after"]):
                found.append(f"{row['key']} {now}")
        if found:
            raise Refused(
                f"{', '.join(found[:5])} was changed by somebody else since {self.task.change}."
                " Nothing was touched; see what was changed, and undo by hand what is not wanted."
            )

    def _effects(self) -> list[Effect]:
        """Everything live, units of packages that went among it."""
        units = [Effect(**row) for row in self.manifest["units"]]
        return [*self.kept.effects(), *units]

    def _bring_live_back(self, kinds: t.Sequence[str]) -> None:
        """What a program refuses is met by the verification, by name."""
        for one in sorted(
            self._effects(), key=lambda one: effects.ORDER.index(one.kind), reverse=True
        ):
            if one.kind not in kinds or (one.kind == "nft" and not self.host.has("nft")):
                continue
            commands = effects.back(self.host, one)
            if commands:
                self.live.append(f"{one.kind} {one.key}")
                with contextlib.suppress(Failed):
                    run_all(commands)

    def _put_back(self) -> list[str]:
        found: list[str] = []
        for part, directory in reversed(self.kept.parts()):
            found += keepsakes.put_back(part["paths"], directory, strict=True)
            there = [row for row in part["attributes"] if os.path.lexists(row["path"])]
            found += keepsakes.put_back(there, directory, strict=True)
        return found

    def _packages_back(self) -> list[str]:
        rows = [row for row in self.packages if self._is_away(row)]
        if rows:
            self.manager.bring_back(rows, self.kept.back, journal.log_path(self.task.change))
            conffiles = self.kept.directory + "/conffiles"
            keepsakes.put_back(self.manifest["conffiles"], conffiles)
            self.manager.restore_marks(self.packages)
        return [f"{row['key']} {row['after'] or '-'} -> {row['before'] or '-'}" for row in rows]

    def _is_away(self, row: Row) -> bool:
        now = self.manager.version(row["key"])
        return bool(now != row["before"] or (now and not self.manager.is_whole(row["key"])))

    def _directories_gone(self) -> None:
        """Directories that were made on the way, where nobody put anything into them."""
        for part, _ in self.kept.parts():
            for path in part.get("directories", []):
                with contextlib.suppress(OSError):
                    os.rmdir(path)

    def _empty_back(self) -> None:
        """Empty directories that packages took along when they went."""
        for row in self.manifest.get("empty", []):
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.mkdir(row["path"])
                os.chown(row["path"], row["uid"], row["gid"])
                os.chmod(row["path"], row["mode"])

    def _verify(self) -> None:
        wrong = [
            path for path in _away(self.kept) if os.path.lexists(path) or self._was_there(path)
        ]
        wrong += [f"{one.kind} {one.key}" for one in self._effects()
                  if not effects.is_back(self.host, one)]  # fmt: skip
        wrong += [row["key"] for row in self.packages if self._is_away(row)]
        if wrong:
            raise Failed(f"After the undo these are not what they were: {', '.join(wrong[:10])}.")

    def _was_there(self, path: str) -> bool:
        return any(row["path"] == path and row["kind"] == "file" for row in self.kept.rows("paths"))
