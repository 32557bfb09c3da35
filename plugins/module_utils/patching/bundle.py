"""The undo bundle: everything that brings a host back, taken before anything is written.

It lies in ``/var/lib/opsbook/undo/CHANGE/``: ``manifest.json``, ``back/`` (the package files of
the installed versions), ``conffiles/`` (their bytes) and a copy of the package manager's database.
It is made in a directory beside its place and renamed, so a half one is never taken for a whole
one. ``forward/`` holds the planned package files and is emptied when they are installed.
"""

from __future__ import annotations

import os
import shutil
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import (
    bundles,
    keepsakes,
    standing,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    private,
    sha256,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.names import Step

SCHEMA = "opsbook.patching-bundle/1"
_UNTOUCHED = "Nothing was installed"

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import Manager


class Bundle:
    """The undo bundle of one change on this host."""

    def __init__(self, change: str) -> None:
        self.change = change
        self.directory = bundles.directory(change)
        self.forward = self.directory + "/forward"

    def manifest(self) -> dict[str, t.Any] | None:
        """What the bundle holds; None when there is no complete one."""
        return bundles.manifest(self.change, SCHEMA)

    def checked(self) -> dict[str, t.Any]:
        """The manifest of a complete bundle whose files are all what they were. Raises Refused."""
        return bundles.checked(self.change, SCHEMA)

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

        def fill(part: str) -> dict[str, t.Any]:
            return dict(self._fill(part, manager, steps, given_up), before=_compared(before))

        # forward/ is checked before it is used
        bundles.make(self.change, SCHEMA, fill, ("forward",), _UNTOUCHED)

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
                f" {_UNTOUCHED}, and no half undo bundle was left."
            )
        manager.foresee_back(rows, forward, back)
        paths = manager.configuration(rows, forward)
        manifest = {
            "manager": manager.name,
            "packages": rows,
            "conffiles": keepsakes.take(paths, private(part + "/conffiles")),
            "services": standing.with_enablement(standing.units()),
            "undo": {"possible": len(rows) - len(lost), "total": len(rows)},
        }
        manager.copy_database(private(part + "/database"))
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


def _compared(before: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the verification compares: packages, failed units and listening sockets of before."""
    rows = before["installed"]
    return {
        "installed": {f"{row['package']}:{row['arch']}": row["version"] for row in rows},
        "failed": before["failed"],
        "listeners": before["listeners"],
    }
