"""Which packages of the archives answer a need. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cmp_to_key

from opsbook.domains.patching.bundle.index import Package
from opsbook.domains.patching.bundle.need import System
from opsbook.domains.patching.versions import compare


@dataclass(frozen=True, slots=True)
class Offered:
    """A package, and the root of the archive that offers it."""

    root: str
    package: Package

    @property
    def path(self) -> str:
        """Its file in the tree of a bundle."""
        return f"{self.root}/{self.package.filename}"


Search = Callable[[frozenset[str]], Iterable[Offered]]
"""All that the archives offer of packages with these names."""

_MOST_ROUNDS = 20


def choose(system: System, search: Search) -> list[Offered]:
    """The newest of every installed package where that is newer than the oldest installed, and
    what these depend on by name and some host has not. In the order of their names.
    """
    newest = _newest(search(frozenset(system.packages)), system.arch)
    chosen = {
        name: offered
        for name, offered in newest.items()
        if any(_newer(offered, version) for version in system.packages[name])
    }
    fresh = list(chosen.values())
    for _ in range(_MOST_ROUNDS):
        missing = _missing(fresh, system, chosen)
        fresh = list(_newest(search(frozenset(missing)), system.arch).values()) if missing else []
        chosen |= {one.package.name: one for one in fresh}
        if not fresh:
            break
    return [chosen[name] for name in sorted(chosen)]


def _newer(offered: Offered, installed: str) -> bool:
    return compare(offered.package.version, installed, "deb") > 0


def _newest(offers: Iterable[Offered], arch: str) -> dict[str, Offered]:
    found: dict[str, list[Offered]] = {}
    for one in offers:
        if one.package.arch in (arch, "all"):
            found.setdefault(one.package.name, []).append(one)
    return {name: max(offers, key=_by_version) for name, offers in found.items()}


def _versions(one: Offered, other: Offered) -> int:
    return compare(one.package.version, other.package.version, "deb")


_by_version = cmp_to_key(_versions)


def _missing(fresh: Iterable[Offered], system: System, chosen: dict[str, Offered]) -> set[str]:
    """The first alternative of every dependency that not every host has in some alternative."""
    return {
        names[0]
        for one in fresh
        for names in one.package.needs
        if not any(name in chosen or system.everywhere(name) for name in names)
    }
