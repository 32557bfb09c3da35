"""What apt-get would do, by the summary it prints before it does anything: apt-get(8).

``--print-uris`` ends after the summary: nothing is locked, fetched or installed, whatever the
host's own configuration says.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Done, run

NO_ARCHIVES = (
    "-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=/dev/null",
    "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=",
)  # fmt: skip
"""apt knows nothing but what is installed and the files it is given: it cannot choose others."""

_HEADINGS = {
    "will be upgraded:": "changed",
    "will be DOWNGRADED:": "changed",
    "The following NEW packages will be installed:": "added",
    "will be REMOVED:": "removed",
    "have been kept back:": "kept",
    "deferred due to phasing:": "phased",
}
_ROW = re.compile(r"^   ([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?\*? \((\S+)(?: => (\S+))?\)$")
_UNMET = re.compile(r"^ (\S+) : ((?:Pre)?-?Depends|Breaks|Conflicts): (.*)$")


class Move(t.NamedTuple):
    """One package that would change; ``arch`` is empty for the host's own and for ``all``.

    ``before`` empty: it is added; ``after`` empty: it is removed.
    """

    package: str
    arch: str
    before: str
    after: str


class Simulation(t.NamedTuple):
    """A whole summary. ``trouble`` is empty when apt found a way."""

    changed: tuple[Move, ...]
    added: tuple[Move, ...]
    removed: tuple[Move, ...]
    kept: tuple[Move, ...]
    phased: tuple[Move, ...]
    broken: tuple[tuple[str, str], ...]
    trouble: str

    @property
    def moves(self) -> set[Move]:
        """Everything that would change."""
        return {*self.changed, *self.added, *self.removed}


def simulate(*arguments: str) -> Simulation:
    """Ask apt-get what ``arguments`` would do. Locks nothing and writes nothing."""
    return read_summary(
        run("apt-get", "--print-uris", "-V", "-q", "-o", "Debug::NoLocking=1",
            "-o", "APT::Get::AutomaticRemove=false", "-o", "APT::Get::Show-Upgraded=true",
            "-o", "APT::Get::Show-Versions=true", "-o", "Dir::Log::Planner=/dev/null", *arguments)
    )  # fmt: skip


def read_summary(done: Done) -> Simulation:
    """The moves in what apt-get printed."""
    found: dict[str, list[Move]] = {kind: [] for kind in _HEADINGS.values()}
    broken, kind, strange = [], "", ""
    for line in done.out.splitlines():
        row = _ROW.match(line)
        if row and kind:
            found[kind].append(_move(kind, *row.groups()))
        elif kind and line.startswith("   "):
            strange = line.strip()
        if not line.startswith(" "):
            kind = next((_HEADINGS[end] for end in _HEADINGS if line.endswith(end)), "")
        unmet = _UNMET.match(line)
        if unmet:
            broken.append((unmet.group(1), "{}: {}".format(*unmet.group(2, 3))))
    trouble = done.words if done.status else ""
    if strange:
        trouble = trouble or f"apt-get printed what is not understood: {strange}"
    lists = {kind: tuple(sorted(moves)) for kind, moves in found.items()}
    return Simulation(**lists, broken=tuple(broken), trouble=trouble)


def _move(kind: str, name: str, arch: str | None, one: str, other: str | None) -> Move:
    if kind == "added":
        return Move(name, arch or "", "", one)
    if kind == "removed":
        return Move(name, arch or "", one, "")
    return Move(name, arch or "", one, other or one)
