"""The package manager of RPM distributions, behind the methods of ``managers``.

dnf's library says what is offered and fetches it; rpm installs exactly the files it is given.
Tried on a Debian host with a repository made on the spot, not proven on an RPM distribution.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Failed,
    Refused,
    run,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    names,
    read,
    sha256,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import dnflists, rpmdb
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.changelogs import (
    Asked,
    Texts,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.names import Step

Row = t.Dict[str, t.Any]
_BESIDE = ("", ".rpmnew", ".rpmsave", ".rpmorig")
_KERNEL = re.compile(r"^kernel(?:-core|-uek|-rt-core)?:")


class Rpm:
    """A :class:`managers.Manager`."""

    name = "dnf"
    spaces = (dnflists.CACHE, "/var/lib/rpm")

    def __init__(self) -> None:
        self.packages = rpmdb.Packages()
        self._base: t.Any = None

    def reload(self) -> None:
        self.packages = rpmdb.Packages()
        self._base = None

    def base(self, offline: bool = True) -> t.Any:
        """dnf's library, loaded when it is needed: it costs half a second."""
        if self._base is None or not offline:
            self._base = dnflists.base_of(offline)
        return self._base

    def arch(self) -> str:
        return platform.machine()

    def rows(self) -> list[Row]:
        return [self._row(key, row) for key, rows in sorted(self.packages.rows.items())
                for row in rows[-1:]]  # fmt: skip

    def _row(self, key: str, row: Row) -> Row:
        name, _, arch = key.partition(":")
        source, version = rpmdb.source_of(row["source"])
        found = {"package": name, "arch": arch, "version": row["version"]}
        usual = {"source": (source or name, name), "source_version": (version, row["version"])}
        found.update({word: v for word, (v, common) in usual.items() if v and v != common})
        return found

    def version(self, key: str) -> str:
        return (self.packages.versions(key) or [""])[-1]

    def is_whole(self, key: str) -> bool:
        return len(self.packages.versions(key)) < 2

    def is_held(self, key: str) -> bool:
        return key.partition(":")[0] in dnflists.held_names()

    def kernels(self) -> dict[str, str]:
        found = {}
        for key in self.packages.rows:
            if _KERNEL.match(key):
                for version in self.packages.versions(key):
                    found[f"{version.rpartition(':')[2]}.{key.partition(':')[2]}"] = ""
        return found

    def offers(self) -> Row:
        broken = rpmdb.broken()
        try:
            told = dnflists.DnfOffers(self.base()).told()
        except Refused as refused:
            told = {"candidates": [], "kept_back": [], "full": {}, "undo": []}
            told["trouble"] = str(refused)
        return dict(told, broken=broken)

    def state(self) -> Row:
        """An upgrade that was cut off leaves two versions of a package behind."""
        several = self._installonly()
        audit = [f"{key}: {' and '.join(self.packages.versions(key))}"
                 for key in sorted(self.packages.rows)
                 if not self.is_whole(key) and key not in several]  # fmt: skip
        return {"interrupted": bool(audit), "audit": audit, "locks": _locks()}

    def _installonly(self) -> set[str]:
        if all(self.is_whole(key) for key in self.packages.rows):
            return set()
        return dnflists.installonly(self.base())

    def lists(self, refreshed: bool) -> Row:
        return dnflists.lists_told(refreshed)

    def refresh(self) -> str:
        return dnflists.refresh()

    def files_of(self, keys: t.Iterable[str]) -> dict[str, str]:
        return rpmdb.files([self._argument(key) for key in keys])

    def owners(self, paths: t.Iterable[str]) -> dict[str, str]:
        found = {}
        for path in sorted(paths):
            done = run("rpm", "-qf", "--qf", "%{NAME}:%{ARCH}\\n", path)
            if not done.status:
                found[path] = done.out.split("\n")[0]
        return found

    def changed_conffiles(self, keys: t.Iterable[str]) -> list[Row]:
        found = []
        config = rpmdb.config_files([self._argument(key) for key in keys])
        for key, paths in sorted(config.items()):
            name, _, arch = key.partition(":")
            for path, digest in sorted(paths.items()):
                if rpmdb.is_changed(path, digest):
                    found.append({"package": name, "arch": arch, "path": path})
        return found

    def fetch(self, steps: t.Sequence[Step], directory: str) -> None:
        missing = [step for step in steps if not self.is_fetched(step, directory)]
        if not missing:
            return
        base = self.base(offline=False)
        found = {step: dnflists.available(base, step.name, step.after) for step in missing}
        lost = [step for step, package in found.items() if package is None]
        if lost:
            raise Refused(f"No repository has {lost[0].name} {lost[0].after}."
                          " Nothing was installed.")  # fmt: skip
        dnflists.download(base, list(found.values()))
        for step, package in found.items():
            path = package.localPkg()
            if sha256(path) != step.sha256:
                raise Refused(f"{step.name} {step.after} cannot be had as planned: the repository's"
                              " file is another one. Nothing was installed.")  # fmt: skip
            shutil.copyfile(path, self.file_of(step, directory))

    def changelogs(self, asked: t.Sequence[Asked], directory: str) -> Texts:
        """Of package files, as a repository's own lists seldom carry them."""
        found: list[bytes | None] = []
        why = "no repository has such a file"
        try:
            base = self.base(offline=False)
        except Refused as refused:
            return [None] * len(asked), str(refused)
        for one in asked:
            try:
                path = dnflists.fetched(base, f"{one['package']}:{one['arch']}", one["version"],
                                        directory)  # fmt: skip
                found.append(rpmdb.changelog(path) if path else None)
            except Refused as refused:
                found.append(None)
                why = str(refused)
        return found, why

    def file_of(self, step: Step, directory: str) -> str:
        return f"{directory}/{rpmdb.nevra(step.name, step.after)}.rpm"

    def is_fetched(self, step: Step, directory: str) -> bool:
        path = self.file_of(step, directory)
        return os.path.isfile(path) and sha256(path) == step.sha256

    def kept_row(self, step: Step) -> Row:
        return {
            "key": step.name,
            "before": step.before,
            "after": step.after,
            "held": self.is_held(step.name),
            "auto": False,
            "file": "",
            "how": "none",
            "why": "",
        }

    def keep(self, rows: t.Sequence[Row], directory: str) -> None:
        base = self.base(offline=False)
        for row in rows:
            if row["before"]:
                package = dnflists.available(base, row["key"], row["before"])
                if package is None:
                    row["why"] = "no repository has it any more"
                    continue
                cached = dnflists.is_cached(package)
                dnflists.download(base, [package])
                self._keep_file(
                    row, package.localPkg(), directory, "cache" if cached else "archive"
                )

    def _keep_file(self, row: Row, path: str, directory: str, how: str) -> None:
        """Only the very build that is installed, by the digest of its header."""
        if rpmdb.file_told(path)[2] != rpmdb.installed_header(row["key"], row["before"]):
            row["why"] = "the repository has another build of the same version"
            return
        name = rpmdb.nevra(row["key"], row["before"]) + ".rpm"
        shutil.copyfile(path, f"{directory}/{name}")
        row.update(file=name, how=how)

    def configuration(self, rows: t.Sequence[Row], forward: str) -> list[str]:
        installed = [self._argument(row["key"]) for row in rows if row["before"]]
        fetched = [f"{forward}/{name}" for name in names(forward)]
        config = (rpmdb.config_files(installed), rpmdb.config_files(fetched, from_files=True))
        paths = {path for one in config for found in one.values() for path in found}
        return sorted(path + suffix for path in paths for suffix in _BESIDE)

    def copy_database(self, directory: str) -> None:
        listing = run("rpm", "-qa").out
        with open(directory + "/packages", "w", encoding="utf-8") as stream:
            stream.write("".join(sorted(listing.splitlines(True))))

    def foresee(self, todo: t.Sequence[Step], forward: str) -> None:
        files = [self.file_of(step, forward) for step in todo if step.after]
        gone = [self._argument(step.name) for step in todo if not step.after]
        planned = {step.package for step in todo}
        have = {key.partition(":")[0] for key in self.packages.rows}
        lost = sorted(set(rpmdb.obsoleted(files)) & have - planned)
        if lost:
            raise Refused(f"The plan would also take away {', '.join(lost)}."
                          " Nothing was installed.")  # fmt: skip
        trouble = rpmdb.would_fit(files, gone)
        if trouble:
            raise Refused(f"rpm finds no way for the plan: {trouble}. Nothing was installed.")

    def foresee_back(self, rows: t.Sequence[Row], forward: str, back: str) -> None:
        """Solve the way back on a copy of the database in which the plan is done already."""
        files = [f"{back}/{row['file']}" for row in rows if row["file"]]
        added = [self._argument(row["key"]) for row in rows if not row["before"]]
        removed = [self._argument(row["key"]) for row in rows if not row["after"]]
        database = run("rpm", "--eval", "%{_dbpath}").out.strip()
        with tempfile.TemporaryDirectory(dir=back) as scratch:
            copy = scratch + "/db"
            shutil.copytree(database, copy)
            done = [f"{forward}/{name}" for name in names(forward)]
            trouble = rpmdb.note_only(copy, done, removed) or rpmdb.would_fit(files, added, copy)
        if trouble:
            raise Refused(f"rpm finds no way back: {trouble}. Nothing was installed.")

    def install(self, todo: t.Sequence[Step], forward: str, log: str) -> None:
        files = [self.file_of(step, forward) for step in todo if step.after]
        gone = [self._argument(s.name) for s in todo if not s.after and self.version(s.name)]
        done = rpmdb.put_in(files, gone, log)
        self.reload()
        if done.status:
            raise Failed(f"rpm could not install what is planned: {done.words}")

    def repair(self, log: str) -> str:
        return "an upgrade was cut off: " + "; ".join(self.state()["audit"])

    def bring_back(self, rows: t.Sequence[Row], back: str, log: str) -> None:
        files = [f"{back}/{row['file']}" for row in rows if row["file"]]
        gone = [self._argument(row["key"]) for row in rows
                if not row["before"] and self.version(row["key"])]  # fmt: skip
        rpmdb.put_in(files, gone, log)
        self.reload()

    def with_leftovers(self, rows: t.Sequence[Row]) -> list[Row]:
        return []

    def restore_marks(self, rows: t.Sequence[Row]) -> list[str]:
        """rpm touches neither locks nor dnf's reasons for having a package."""
        return []

    def kept_own(self, rows: t.Sequence[Row]) -> list[str]:
        config = rpmdb.config_files([self._argument(row["key"]) for row in rows if row["after"]])
        paths = {path for found in config.values() for path in found}
        return sorted(path for path in paths if os.path.lexists(path + ".rpmnew"))

    def _argument(self, key: str) -> str:
        name, _, arch = key.partition(":")
        return f"{name}.{arch}"


def _locks() -> list[Row]:
    """Other calls of dnf that are running: it leaves its process number beside its lock."""
    found = []
    for directory in (dnflists.CACHE, "/var/lib/dnf", "/run/dnf"):
        for name in names(directory):
            if name.endswith("_lock.pid"):
                pid = read(f"{directory}/{name}").strip()
                if pid.isdigit() and int(pid) != os.getpid() and os.path.isdir("/proc/" + pid):
                    command = read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()[:200]
                    found.append({"path": f"{directory}/{name}", "pid": int(pid),
                                  "command": command})  # fmt: skip
    return found
