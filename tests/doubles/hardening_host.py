"""A host in memory for steps that look: files, what the kernel says, what programs answer.

The same methods as ``System`` of the hardening modules; both are held to the same cases in
tests/contract.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from support.module_utils import on_host


@dataclass
class MemoryHost:
    """``files`` by path; a value may be (text, mode, uid, gid). ``kernel`` is /proc and /sys."""

    files: dict[str, Any] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    kernel: dict[str, str] = field(default_factory=dict)
    answers: Mapping[tuple[str, ...], tuple[int, str]] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)
    options: dict[str, str] = field(default_factory=dict)
    family: str = "debian"
    machine: str = "x86_64"
    container: bool = False
    systemd: bool = True

    def _row(self, path: str) -> tuple[str, int, int, int]:
        row = self.files[path]
        return row if isinstance(row, tuple) else (row, 0o644, 0, 0)

    def stat(self, path: str) -> Any:
        placing = on_host("placing")
        if path in self.links:
            return placing.Stat("link", 0o777, 0, 0, 1)
        if path in self.files:
            return placing.Stat("file", *self._row(path)[1:], 1)
        below = any(one.startswith(path.rstrip("/") + "/") for one in self.files)
        return placing.Stat("directory", 0o755, 0, 0, 2) if below else None

    def read(self, path: str) -> bytes | None:
        if path in self.links:
            raise on_host("commands").Refused(f"{path} is a symbolic link.")
        return self._row(path)[0].encode() if path in self.files else None

    def live(self, path: str) -> str | None:
        return self.kernel.get(path)

    def writable(self, path: str) -> bool:
        return path in self.kernel and not self.container

    def names(self, directory: str) -> list[str]:
        above = directory.rstrip("/") + "/"
        paths = [*self.files, *self.links, *self.kernel]
        found = {one[len(above) :].split("/")[0] for one in paths if one.startswith(above)}
        return sorted(found)

    def glob(self, pattern: str) -> list[str]:
        if not any(sign in pattern for sign in "*?["):
            return [pattern]
        same = pattern.count("/")
        found = (one for one in (*self.files, *self.links) if one.count("/") == same)
        return sorted(one for one in found if fnmatch.fnmatchcase(one, pattern))

    def run(self, *argv: str, text: str = "") -> Any:
        status, out = self.answers.get(argv, (127, ""))
        return on_host("commands").Done(status, out, "")

    def sshd(self) -> dict[str, str]:
        return self.options

    def has(self, program: str) -> bool:
        return program in self.programs
