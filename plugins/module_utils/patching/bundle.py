"""The undo bundle: everything that brings a host back, taken before anything is written.

It lies in ``/var/lib/opsbook/undo/CHANGE/``: ``manifest.json``, ``back/`` (the package files of
the installed versions), ``conffiles/`` (their bytes) and a copy of the package manager's database.
It is made in a directory beside its place and renamed, so a half one is never taken for a whole
one. ``forward/`` holds the planned package files and is emptied when they are installed.
"""

from __future__ import annotations

import os
import shutil
import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import (
    journal,
    keepsakes,
    standing,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.hostfiles import (
    STATE,
    names,
    private,
    read_json,
    sha256,
    sync,
    sync_tree,
    write_json,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.names import Step

SCHEMA = "opsbook.patching-bundle/1"
UNDO = STATE + "/undo"
_UNTOUCHED = "Nothing was installed, and no half undo bundle was left."

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import Manager


class Bundle:
    """The undo bundle of one change on this host."""

    def __init__(self, change: str) -> None:
        self.change = change
        self.directory = f"{UNDO}/{change}"
        self.forward = self.directory + "/forward"

    def manifest(self) -> dict[str, t.Any] | None:
        """What the bundle holds; None when there is no complete one."""
        found = read_json(self.directory + "/manifest.json")
        return found if isinstance(found, dict) and found.get("schema") == SCHEMA else None

    def checked(self) -> dict[str, t.Any]:
        """The manifest of a complete bundle whose files are all what they were. Raises Refused."""
        manifest = self.manifest()
        if manifest is None:
            raise Refused(f"There is no undo bundle of {self.change} here. Nothing was touched.")
        for name, was in manifest["files"].items():
            path = f"{self.directory}/{name}"
            if not os.path.isfile(path) or sha256(path) != was:
                raise Refused(f"{path} of the undo bundle is damaged. Nothing was touched.")
        return manifest

    def covers(self, steps: t.Sequence[Step]) -> bool:
        """Whether the bundle was made for exactly these packages."""
        manifest = self.manifest() or {}
        rows = manifest.get("packages", [])
        kept = {(row["key"], row["before"], row["after"]) for row in rows}
        return kept == {(step.name, step.before, step.after) for step in steps}

    def make(
        self,
        manager: Manager,
        steps: t.Sequence[Step],
        given_up: t.Collection[str],
        before: t.Mapping[str, t.Any],
    ) -> None:
        """Make the bundle, and fetch what is planned. Raises Refused, leaving nothing behind.

        ``given_up`` names packages that the approved plan says cannot be brought back; ``before``
        is the brief survey of now, with which the host is compared afterwards.
        """
        part = f"{UNDO}/.{self.change}.part"
        private(STATE)
        private(UNDO)
        for left in names(UNDO):
            if left.endswith(".part"):
                shutil.rmtree(f"{UNDO}/{left}")
        try:
            manifest = self._fill(private(part), manager, steps, given_up)
            manifest["before"] = _compared(before)
            for name in ("back", "conffiles", "database"):  # forward/ is checked before it is used
                sync_tree(f"{part}/{name}")
            write_json(part + "/manifest.json", manifest)
            if os.path.isdir(self.directory):
                shutil.rmtree(self.directory)
            os.rename(part, self.directory)
            sync(UNDO)
        except OSError as error:
            raise Refused(
                f"The undo bundle cannot be written: {error.strerror}. {_UNTOUCHED}"
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _fill(
        self, part: str, manager: Manager, steps: t.Sequence[Step], given_up: t.Collection[str]
    ) -> dict[str, t.Any]:
        back, forward = private(part + "/back"), private(part + "/forward")
        manager.fetch([step for step in steps if step.after], forward)
        manager.foresee(steps, forward)
        rows = [manager.kept_row(step) for step in steps]
        manager.keep(rows, back)
        lost = [row for row in rows if row["before"] and not row["file"]]
        unexpected = [row for row in lost if row["key"] not in given_up]
        if unexpected:
            first = unexpected[0]
            raise Refused(
                f"{first['key']} {first['before']} could not be brought back: {first['why']}."
                f" {_UNTOUCHED}"
            )
        manager.foresee_back(rows, forward, back)
        paths = manager.configuration(rows, forward)
        manifest = {
            "schema": SCHEMA,
            "change": self.change,
            "manager": manager.name,
            "made": int(time.time()),
            "packages": rows,
            "conffiles": keepsakes.take(paths, private(part + "/conffiles")),
            "services": standing.with_enablement(standing.units()),
            "undo": {"possible": len(rows) - len(lost), "total": len(rows)},
        }
        manager.copy_database(private(part + "/database"))
        manifest["files"] = _sums(part)
        return manifest

    def refetch(self, manager: Manager, steps: t.Sequence[Step]) -> None:
        """Fetch again what is planned and not there any more. Raises Refused."""
        try:
            manager.fetch([step for step in steps if step.after], private(self.forward))
        except OSError as error:
            raise Refused(
                f"The planned packages cannot be kept: {error.strerror}. Nothing was installed."
            ) from error

    def summary(self) -> dict[str, t.Any]:
        """What the record keeps of the bundle."""
        manifest = self.manifest() or {}
        rows = manifest.get("packages", [])
        how: dict[str, int] = {}
        for row in rows:
            how[row["how"]] = how.get(row["how"], 0) + 1
        size = sum(os.path.getsize(f"{self.directory}/{name}") for name in manifest["files"])
        return {
            "change": self.change,
            "directory": self.directory,
            "manifest_sha256": sha256(self.directory + "/manifest.json"),
            "undo": manifest["undo"],
            "how": how,
            "conffiles": len(manifest["conffiles"]),
            "bytes": size,
        }

    def drop_forward(self) -> None:
        """Free the room of packages that are installed now."""
        shutil.rmtree(self.forward, ignore_errors=True)


def drop_old(keep: int, newest: str) -> list[str]:
    """Keep the bundles of the last ``keep`` changes; the changes whose bundles were dropped.

    That of ``newest`` always stays, and those of changes that were cut short: nothing else brings
    the host back from there.
    """
    made = []
    for name in names(UNDO):
        manifest = Bundle(name).manifest()
        halfway = journal.state(name) in ("applying", "undoing")
        if manifest is not None and name != newest and not halfway:
            made.append((manifest.get("made", 0), name))
    dropped = [name for _, name in sorted(made, reverse=True)[max(0, keep - 1) :]]
    for name in dropped:
        shutil.rmtree(f"{UNDO}/{name}", ignore_errors=True)
    return dropped


def _compared(before: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the verification compares: packages, failed units and listening sockets of before."""
    rows = before["installed"]
    return {
        "installed": {f"{row['package']}:{row['arch']}": row["version"] for row in rows},
        "failed": before["failed"],
        "listeners": before["listeners"],
    }


def _sums(part: str) -> dict[str, str]:
    """SHA-256 of every file of the bundle but the planned packages."""
    found = {}
    for directory, below, files in os.walk(part):
        if directory == part:
            below.remove("forward")
        for name in files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, part)] = sha256(path)
    return found
