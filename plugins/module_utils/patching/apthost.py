"""What apt and dpkg say of a host; nothing here writes but :meth:`AptHost.refresh`."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    run,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    names,
    read,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import aptlists, dpkg
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.aptoffers import (
    ARCHIVES,
    Offers,
)

Row = t.Dict[str, t.Any]
_KERNEL = re.compile(r"^linux-image-(?:unsigned-)?(\d\S*)$")


class AptHost:
    """The reading half of :class:`apt.Apt`. The database is read once, and by :meth:`reload`."""

    name = "apt"
    spaces = (ARCHIVES, dpkg.ADMIN)

    def __init__(self) -> None:
        self.database = dpkg.Database()

    def reload(self) -> None:
        self.database = dpkg.Database()

    # What the host says -------------------------------------------------------------------

    def arch(self) -> str:
        return self.database.native

    def rows(self) -> list[Row]:
        return self.database.rows()

    def version(self, key: str) -> str:
        return self.database.packages.get(key, {}).get("Version", "")

    def is_whole(self, key: str) -> bool:
        return self.database.packages.get(key, {}).get("Status", "").endswith(" ok installed")

    def is_held(self, key: str) -> bool:
        return dpkg.is_held(self.database.packages.get(key, {}))

    def kernels(self) -> dict[str, str]:
        """Releases of installed kernels, as uname(1) tells them, with their packages' versions."""
        found = {}
        for fields in self.database.packages.values():
            match = _KERNEL.match(fields["Package"])
            if match:
                found[match.group(1)] = fields["Version"]
        return found

    def offers(self) -> Row:
        found = Offers(self.database)
        broken = [{"package": name, "needs": needs} for name, needs in found.broken]
        told = dict(found.told(), broken=broken)
        if found.trouble and not broken:
            told["trouble"] = found.trouble
        return told

    def state(self) -> Row:
        return {
            "interrupted": self.database.interrupted(),
            "audit": self.database.audit(),
            "locks": dpkg.locks(),
        }

    def lists(self, refreshed: bool) -> Row:
        return aptlists.told(refreshed)

    def refresh(self) -> str:
        done = run("apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any",
                   "-o", "DPkg::Lock::Timeout=60", timeout=600)  # fmt: skip
        return done.words if done.status else ""

    def files_of(self, keys: t.Iterable[str]) -> dict[str, str]:
        return {dpkg.real(path): key for key in keys for path in dpkg.files(key)}

    def owners(self, paths: t.Iterable[str]) -> dict[str, str]:
        wanted = set(paths)
        found = {}
        for name in names(dpkg.ADMIN + "/info"):
            if name.endswith(".list"):
                for line in read(f"{dpkg.ADMIN}/info/{name}").split("\n"):
                    if dpkg.real(line) in wanted:
                        found[dpkg.real(line)] = self._full_name(name[: -len(".list")])
        return found

    def _full_name(self, name: str) -> str:
        for key in (name, f"{name}:{self.database.native}", name + ":all"):
            if key in self.database.packages:
                return key
        return name

    def changed_conffiles(self, keys: t.Iterable[str]) -> list[Row]:
        found = []
        for key in sorted(keys):
            for path in sorted(dpkg.changed_conffiles(self.database.packages[key])):
                name, _, arch = key.partition(":")
                found.append({"package": name, "arch": arch, "path": path})
        return found

    def argument(self, key: str) -> str:
        """How apt names a package."""
        return self.database.argument(key)
