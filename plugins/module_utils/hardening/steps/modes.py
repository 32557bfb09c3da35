"""Mode and owner of files and directories; their bytes stay."""

from __future__ import annotations

import grp
import pwd

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.given import Given
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.steps.base import (
    NOTHING,
    Look,
    Step,
    joined,
)

_MOST = 5000


class Mode(Step):
    """No more permissions than ``at_most``, no fewer than ``at_least``, and the owner.

    Links are not followed; a path that is not there is nothing to do.
    """

    kind = "mode"

    def read(self, given: Given) -> None:
        self.paths = given.paths("paths")
        self.at_most = given.mode("at_most")
        self.at_least = given.mode("at_least") or 0
        self.owner = given.name("owner", "")
        self.groups = given.names("groups", needed=False)

    def look(self, draft: Draft) -> Look:
        paths = sorted({one for path in self.paths for one in draft.host.glob(path)})
        if len(paths) > _MOST:
            return Look(NOTHING, NOTHING, f"more than {_MOST} paths fit")
        uid = uid_of(self.owner) if self.owner else -1
        gids = [gid for gid in map(gid_of, self.groups) if gid >= 0]
        if (self.owner and uid < 0) or (self.groups and not gids):
            missing = self.owner if self.owner and uid < 0 else ", ".join(self.groups)
            return Look(NOTHING, NOTHING, f"there is no account or group {missing} here")
        before, after = [], []
        for path in paths:
            found = draft.stat(path)
            if found is None or found.kind not in ("file", "directory"):
                continue
            allowed = 0o7777 if self.at_most is None else self.at_most
            mode = (found.mode & allowed) | self.at_least
            owner = uid if uid >= 0 else found.uid
            group = found.gid if not gids or found.gid in gids else gids[0]
            if (mode, owner, group) != (found.mode, found.uid, found.gid):
                before.append(_words(path, found.mode, found.uid, found.gid))
                after.append(_words(path, mode, owner, group))
                draft.set_attributes(path, mode, owner, group)
        return Look(joined(before), joined(after))


def uid_of(name: str) -> int:
    """The number of an account; -1 where there is none."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return -1


def gid_of(name: str) -> int:
    """The number of a group; -1 where there is none."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return -1


def _words(path: str, mode: int, uid: int, gid: int) -> str:
    try:
        owner = pwd.getpwuid(uid).pw_name
    except KeyError:
        owner = str(uid)
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return f"{path} {mode:04o} {owner}:{group}"
