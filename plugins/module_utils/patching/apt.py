"""The package manager of Debian and what comes from it, behind the methods of ``managers``."""

from __future__ import annotations

import os
import shutil
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Failed,
    Refused,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    names,
    read,
    sha256,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import (
    aptwork,
    changelogs,
    debfile,
    dpkg,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.aptback import WaysBack
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.apthost import AptHost
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.aptoffers import (
    ARCHIVES,
    deb_name,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.names import Step
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.simulation import (
    Simulation,
)

Row = t.Dict[str, t.Any]

_BESIDE = ("", ".dpkg-new", ".dpkg-tmp", ".dpkg-dist", ".dpkg-old")
"""A conffile, and what dpkg puts beside it and may leave there."""


class Apt(AptHost):
    """A :class:`managers.Manager`."""

    def fetch(self, steps: t.Sequence[Step], directory: str) -> None:
        """Have the planned package files in ``directory``, each with the planned SHA-256."""
        wanted = {step: self.file_of(step, directory) for step in steps}
        for step, path in wanted.items():
            cached = f"{ARCHIVES}/{os.path.basename(path)}"
            if not _is(path, step.sha256) and _is(cached, step.sha256):
                shutil.copyfile(cached, path)
        missing = [step for step, path in wanted.items() if not _is(path, step.sha256)]
        if missing:
            asked = [f"{self.argument(step.name)}={step.after}" for step in missing]
            done = aptwork.download(asked, directory)
            for step in missing:
                if not _is(wanted[step], step.sha256):
                    why = done.words if done.status else "the archive's file is another one"
                    raise Refused(
                        f"{step.name} {step.after} cannot be had as planned: {why}."
                        " Nothing was installed."
                    )

    def changelogs(self, asked: t.Sequence[changelogs.Asked], directory: str) -> changelogs.Texts:
        return changelogs.of_debs(asked, directory)

    def file_of(self, step: Step, directory: str) -> str:
        return f"{directory}/{deb_name(step.package, step.after, step.arch)}"

    def is_fetched(self, step: Step, directory: str) -> bool:
        return _is(self.file_of(step, directory), step.sha256)

    def kept_row(self, step: Step) -> Row:
        """What the manifest says of one package; ``file`` is filled in by :meth:`keep`."""
        fields = self.database.packages.get(step.name, {})
        return {
            "key": step.name,
            "before": step.before,
            "after": step.after,
            "held": dpkg.is_held(fields),
            "auto": self.database.is_auto(step.name),
            "file": "",
            "how": "none",
            "why": "",
        }

    def keep(self, rows: t.Sequence[Row], directory: str) -> None:
        """Have the package files of the installed versions in ``directory``."""
        WaysBack(self, directory).keep(rows)

    def configuration(self, rows: t.Sequence[Row], forward: str) -> list[str]:
        """Paths whose bytes are kept: conffiles of before and after, and those of ucf(1)."""
        found = set()
        for row in rows:
            fields = self.database.packages.get(row["key"], {})
            found |= {path for path, _, _ in dpkg.conffiles(fields)}
        for name in names(forward):
            found |= set(debfile.conffiles_in(debfile.control_of(f"{forward}/{name}")))
        packages = {row["key"].partition(":")[0] for row in rows}
        for line in read("/var/lib/ucf/registry").splitlines():
            package, _, path = line.partition(" ")
            if package in packages and path.strip().startswith("/"):
                found.add(path.strip())
        return sorted(path + suffix for path in found for suffix in _BESIDE)

    def copy_database(self, directory: str) -> None:
        for path in (dpkg.ADMIN + "/status", dpkg.AUTO):
            if os.path.exists(path):
                shutil.copyfile(path, f"{directory}/{os.path.basename(path)}")

    def foresee_back(self, rows: t.Sequence[Row], forward: str, back: str) -> None:
        """Solve the way back from where the host will be. Raises Refused when there is none."""
        after = dict(self.database.packages)
        for row in rows:
            after.pop(row["key"], None)
        for name in names(forward):
            fields = debfile.fields_of(debfile.control_of(f"{forward}/{name}"))
            key = f"{fields.get('Package')}:{fields.get('Architecture')}"
            after[key] = {"Package": fields["Package"], "Status": "install ok installed", **fields}
        status = back + "/.status"
        aptwork.write_status(status, after.values())
        files = [f"{back}/{row['file']}" for row in rows if row["file"]]
        remove = [self.argument(row["key"]) for row in rows if not row["before"]]
        wanted = {(row["key"], row["after"], row["before"]) for row in rows
                  if row["file"] or not row["before"]}  # fmt: skip
        try:
            self._same(aptwork.foresee(files, remove, status), wanted, "bringing back")
        finally:
            os.unlink(status)

    def foresee(self, todo: t.Sequence[Step], forward: str) -> None:
        """Raise Refused unless installing ``todo`` changes exactly these."""
        files = [self.file_of(step, forward) for step in todo if step.after]
        remove = [self.argument(step.name) for step in todo if not step.after]
        now = {step: self.version(step.name) for step in todo}
        wanted = {(step.name, now[step], step.after) for step in todo if now[step] != step.after}
        self._same(aptwork.foresee(files, remove), wanted, "the plan")

    def install(self, todo: t.Sequence[Step], forward: str, log: str) -> None:
        files = [self.file_of(step, forward) for step in todo if step.after]
        remove = [self.argument(step.name) for step in todo if not step.after]
        half_way = any(self.version(s.name) and not self.is_whole(s.name) for s in todo)
        way = aptwork.by_dpkg if half_way else aptwork.install
        done = way(files, remove, log)
        self.reload()
        if done.status:
            raise Failed(f"apt-get could not install what is planned: {done.words}")

    def repair(self, log: str) -> str:
        """Finish an interrupted dpkg; what went wrong, or nothing."""
        done = aptwork.repair(log)
        self.reload()
        return done.words if done.status else ""

    def bring_back(self, rows: t.Sequence[Row], back: str, log: str) -> None:
        """Install the kept versions and remove what was added; by dpkg alone where apt cannot."""
        if dpkg.unmerged():  # apt refuses to begin before dpkg has taken its own notes in
            aptwork.repair(log)
        files = [f"{back}/{row['file']}" for row in rows if row["file"]]
        gone = [row["key"] for row in rows if not row["before"] and self.version(row["key"])]
        done = aptwork.install(files, [self.argument(key) for key in gone], log)
        if done.status:
            aptwork.by_dpkg(files, [self.argument(key) for key in gone], log)
        self.reload()
        self._purge(gone, log)

    def _purge(self, keys: t.Sequence[str], log: str) -> None:
        if keys:
            aptwork.purge([self.argument(key) for key in keys], log)
            self.reload()

    def with_leftovers(self, rows: t.Sequence[Row]) -> list[Row]:
        """Packages that still list a conffile of the newer version, though it is not there."""
        found = []
        for row in rows:
            fields = self.database.packages.get(row["key"], {})
            known = dpkg.conffiles(fields) if row["file"] else []
            if any(gone and not os.path.lexists(path) for path, _, gone in known):
                found.append(row)
        return found

    def restore_marks(self, rows: t.Sequence[Row]) -> list[str]:
        """Make holds and automatic marks what they were; the packages this was needed for."""
        changed = []
        for row in rows:
            key = row["key"]
            if not self.version(key) or not row["before"]:
                continue
            for now, was, on, off in (
                (self.database.is_auto(key), row["auto"], "auto", "manual"),
                (self.is_held(key), row["held"], "hold", "unhold"),
            ):
                if now != was:
                    changed.append((on if was else off, self.argument(key), key))
        for word in ("auto", "manual", "hold", "unhold"):
            aptwork.mark(word, [argument for mark, argument, _ in changed if mark == word])
        if changed:
            self.reload()
        return sorted({key for _, _, key in changed})

    def kept_own(self, rows: t.Sequence[Row]) -> list[str]:
        """Conffiles of these packages where the host's own text stays beside the delivered one."""
        found = []
        for row in rows:
            fields = self.database.packages.get(row["key"], {})
            for path, _, gone in dpkg.conffiles(fields):
                if not gone and os.path.lexists(path + ".dpkg-dist"):
                    found.append(path)
        return sorted(found)

    def _same(self, found: Simulation, wanted: set[tuple[str, str, str]], what: str) -> None:
        """Raise Refused naming what a simulation does beyond or short of ``wanted``."""
        if found.trouble:
            raise Refused(f"apt finds no way for {what}: {found.trouble}. Nothing was installed.")
        short = {(self.argument(key), before, after): key for key, before, after in wanted}
        moves = {
            (f"{move.package}:{move.arch}" if move.arch else move.package, move.before, move.after)
            for move in found.moves
        }
        for name, before, after in sorted(moves ^ short.keys()):
            word = "would also change" if (name, before, after) in moves else "would not change"
            raise Refused(
                f"For {what}, {name} {word} from {before or '-'} to {after or '-'}."
                " Nothing was installed."
            )


def _is(path: str, digest: str) -> bool:
    return os.path.isfile(path) and sha256(path) == digest
