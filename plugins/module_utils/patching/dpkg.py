"""dpkg's database as it stands on the disk, read without running anything (dpkg(1)).

What dpkg has not yet merged into its status file (``updates/``, left by a dpkg that was killed) is
read with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import struct
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import names, read
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.deb822 import (
    Paragraph,
    paragraphs,
    source_of,
)

ADMIN = "/var/lib/dpkg"
AUTO = "/var/lib/apt/extended_states"
LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)
_GONE = ("not-installed", "config-files")
_HALF = ("half-installed", "unpacked", "half-configured")
_ALIASES = re.compile(r"/(bin|sbin|lib|lib32|lib64|libx32|libo32)/")


class Database:
    """What is installed. ``native`` is the host's own architecture; packages by ``name:arch``."""

    def __init__(self) -> None:
        self.packages: dict[str, Paragraph] = {}
        for text in (read(ADMIN + "/status"), *map(read, unmerged())):
            for fields in paragraphs(text):
                self._take(fields)
        self.native = self._native()
        self.auto = self._auto()

    def _take(self, fields: Paragraph) -> None:
        key = "{}:{}".format(fields.get("Package"), fields.get("Architecture"))
        if state_of(fields) in _GONE or "Version" not in fields:
            self.packages.pop(key, None)
        else:
            self.packages[key] = fields

    def _native(self) -> str:
        own = [p["Architecture"] for p in self.packages.values() if p["Package"] == "dpkg"]
        return own[0] if own else ""

    def _auto(self) -> set[str]:
        found = set()
        for fields in paragraphs(read(AUTO)):
            if fields.get("Auto-Installed") == "1":
                found.add("{}:{}".format(fields.get("Package"), fields.get("Architecture")))
        return found

    def is_auto(self, key: str) -> bool:
        """apt writes packages of every architecture down under the host's own."""
        name, _, arch = key.partition(":")
        return "{}:{}".format(name, self.native if arch == "all" else arch) in self.auto

    def argument(self, key: str) -> str:
        """How apt names a package: without the architecture where it is the host's own."""
        name, _, arch = key.partition(":")
        return name if arch in ("all", self.native) else key

    def rows(self) -> list[dict[str, t.Any]]:
        """Installed packages as the survey tells them; what is usual is left out."""
        return [self._row(key, self.packages[key]) for key in sorted(self.packages)]

    def _row(self, key: str, fields: Paragraph) -> dict[str, t.Any]:
        name, _, arch = key.partition(":")
        row: dict[str, t.Any] = {"package": name, "arch": arch, "version": fields["Version"]}
        source, version = source_of(fields)
        usual = {
            "source": (source, name),
            "source_version": (version, fields["Version"]),
            "state": (state_of(fields), "installed"),
            "held": (is_held(fields), False),
            "auto": (self.is_auto(key), False),
        }
        row.update({word: value for word, (value, common) in usual.items() if value != common})
        return row

    def audit(self) -> list[str]:
        """Packages that are neither installed nor gone: ``openssl: half-configured``."""
        found = []
        for key in sorted(self.packages):
            words = self.packages[key].get("Status", "").split()
            if words[2:] != ["installed"] or words[1:2] != ["ok"]:
                found.append("{}: {}".format(key, " ".join(words[1:])))
        return found

    def interrupted(self) -> bool:
        """Whether a dpkg was killed or a package's script failed half-way."""
        half = any(
            state_of(p) in _HALF or "reinstreq" in p.get("Status", "")
            for p in self.packages.values()
        )
        return half or bool(unmerged())


def state_of(fields: t.Mapping[str, str]) -> str:
    """dpkg's word for how far a package is: installed, unpacked, half-configured ..."""
    return (fields.get("Status", "").split() or [""])[-1]


def is_held(fields: t.Mapping[str, str]) -> bool:
    """Whether somebody asked that the package stays as it is."""
    return fields.get("Status", "").startswith("hold ")


def info(key: str, kind: str, admin: str = ADMIN) -> str:
    """Path of a package's control file; those of ``Multi-Arch: same`` carry the architecture."""
    name, _, _ = key.partition(":")
    with_arch = f"{admin}/info/{key}.{kind}"
    return with_arch if os.path.exists(with_arch) else f"{admin}/info/{name}.{kind}"


def files(key: str) -> list[str]:
    """The paths a package brought, as its list has them."""
    return [line for line in read(info(key, "list")).split("\n") if line]


def real(path: str) -> str:
    """A path as the kernel tells it where /bin, /lib ... are links into /usr."""
    match = _ALIASES.match(path)
    return "/usr" + path if match and os.path.islink("/" + match.group(1)) else path


def conffiles(fields: Paragraph) -> list[tuple[str, str, bool]]:
    """Path, MD5 as delivered, and whether the package has it no more (obsolete)."""
    found = []
    for line in fields.get("Conffiles", "").split("\n"):
        words = line.split()
        marks = []
        while len(words) > 2 and words[-1] in ("obsolete", "remove-on-upgrade"):
            marks.append(words.pop())
        if len(words) >= 2:
            path = line.strip().rsplit(words[-1], 1)[0].strip()
            found.append((path, words[-1], "obsolete" in marks))
    return found


def changed_conffiles(fields: Paragraph) -> list[str]:
    """Conffiles that are not as they were delivered; also those that were removed."""
    return [path for path, was, gone in conffiles(fields) if not gone and _md5(path) != was]


def diversions() -> dict[str, tuple[str, str]]:
    """Path -> where others' file of that name is put, and the package that keeps the path."""
    lines = read(ADMIN + "/diversions").split("\n")
    return {lines[i]: (lines[i + 1], lines[i + 2]) for i in range(0, len(lines) - 2, 3) if lines[i]}


def locks() -> list[dict[str, t.Any]]:
    """Who else holds the package manager's locks: fcntl(2), F_GETLK."""
    found = []
    for path in LOCKS:
        pid = _holder(path)
        if pid:
            words = read(f"/proc/{pid}/cmdline").split("\0")
            command = " ".join(words)[:200].strip()
            found.append({"path": path, "pid": pid, "command": command})
    return found


def _holder(path: str) -> int:
    form = "hhqqi0q"
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return 0
    try:
        asked = struct.pack(form, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(form, fcntl.fcntl(handle, fcntl.F_GETLK, asked))
    except OSError:
        return 0
    finally:
        os.close(handle)
    return 0 if kind == fcntl.F_UNLCK else pid


def unmerged() -> list[str]:
    """What a killed dpkg has not yet taken into its status file, oldest first."""
    directory = ADMIN + "/updates"
    return [f"{directory}/{name}" for name in names(directory) if name.isdigit()]


def _md5(path: str) -> str:
    """dpkg compares conffiles by MD5; nothing is trusted because of it."""
    try:
        with open(path, "rb") as stream:
            return hashlib.new("md5", stream.read(), usedforsecurity=False).hexdigest()
    except OSError:
        return ""
    except TypeError:  # Python 3.8 does not know the keyword
        with open(path, "rb") as stream:
            return hashlib.new("md5", stream.read()).hexdigest()  # noqa: S324
