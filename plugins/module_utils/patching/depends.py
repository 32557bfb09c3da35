"""Which upgrades of a host need each other, so that leaving one out leaves no other half done."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.deb822 import Paragraph
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.debversions import (
    Relation,
    relations,
)

_NEEDS = ("Depends", "Pre-Depends")
_REFUSES = ("Breaks", "Conflicts")
_TIGHT = re.compile(r"\((?:=|<)")


class Offer(t.NamedTuple):
    """One newer version of a package: what is there now and the archive's record of it."""

    package: str
    arch: str
    before: str
    after: str
    record: Paragraph

    @property
    def name(self) -> str:
        """``openssl:amd64``."""
        return f"{self.package}:{self.arch}"


def requirements(
    offers: t.Sequence[Offer], installed: t.Iterable[Paragraph]
) -> dict[str, list[str]]:
    """Offer -> the other offers of this host without which it cannot be installed."""
    world = _World(offers, list(installed))
    found: dict[str, set[str]] = {offer.name: set() for offer in offers}
    for offer in offers:
        found[offer.name] |= world.wanted_by(offer) | world.refused_by(offer)
    for name, others in world.bound():
        found[name] |= others
    return {name: sorted(others - {name}) for name, others in found.items()}


class _World:
    def __init__(self, offers: t.Sequence[Offer], installed: list[Paragraph]) -> None:
        self.installed = installed
        self.offers: dict[str, list[Offer]] = {}
        for offer in offers:
            self.offers.setdefault(offer.package, []).append(offer)
        self.by_key = {(offer.package, offer.arch): offer for offer in offers}
        self.versions: dict[str, list[str]] = {}
        self.provided: dict[str, list[str]] = {}
        for fields in installed:
            self.versions.setdefault(fields["Package"], []).append(fields["Version"])
            for group in relations(fields.get("Provides", "")):
                self.provided.setdefault(group[0].name, []).append(group[0].version)

    def wanted_by(self, offer: Offer) -> set[str]:
        """Offers that meet a dependency which nothing installed meets."""
        found = set()
        for group in _groups(offer.record, _NEEDS):
            if not any(self._met(one) for one in group):
                found |= {other.name for one in group for other in self._meeting(one, offer.arch)}
        return found

    def refused_by(self, offer: Offer) -> set[str]:
        """Offers whose installed version this one breaks, and whose newer version it does not."""
        found = set()
        for group in _groups(offer.record, _REFUSES):
            for one in group:
                for other in self._near(one.name, offer.arch):
                    if one.holds(other.before) and not one.holds(other.after):
                        found.add(other.name)
        return found

    def bound(self) -> t.Iterator[tuple[str, set[str]]]:
        """Offers that an installed package ties to their old version, with that one's own offer."""
        for fields in self.installed:
            other = self.by_key.get((fields["Package"], fields.get("Architecture", "")))
            if other is None:
                continue
            for group in _groups(fields, _NEEDS, tight=True):
                for one in group:
                    for offer in self._near(one.name, other.arch):
                        if one.holds(offer.before) and not one.holds(offer.after):
                            yield offer.name, {other.name}

    def _met(self, one: Relation) -> bool:
        if any(one.holds(version) for version in self.versions.get(one.name, ())):
            return True
        provided = self.provided.get(one.name, ())
        return any(one.holds(version) if version else not one.operator for version in provided)

    def _meeting(self, one: Relation, arch: str) -> list[Offer]:
        return [other for other in self._near(one.name, arch) if one.holds(other.after)]

    def _near(self, name: str, arch: str) -> list[Offer]:
        """Offers of that name, those of the same architecture when there are some."""
        found = self.offers.get(name, [])
        return [other for other in found if other.arch in (arch, "all")] or found


def _groups(
    fields: Paragraph, keys: t.Iterable[str], tight: bool = False
) -> t.Iterator[list[Relation]]:
    for key in keys:
        field = fields.get(key, "")
        if field and (not tight or _TIGHT.search(field)):
            yield from relations(field)
