"""The port between the store of findings and whoever decides what to do about them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from opsbook.domains.hardening.store.model import Finding, State
from opsbook.model.finding import Severity

STANDING = (State.OPEN,)
"""What asks for action."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings of an estate: an empty collection or None leaves that open.

    ``hosts`` are names of the inventory. ``keys`` are whole keys. ``by_control``: True only those
    that belong to a control, False only the others. ``known``: True only those of hosts of the
    inventory.
    """

    hosts: Collection[str] = ()
    states: Collection[State] = STANDING
    severities: Collection[Severity] = ()
    keys: Collection[str] = ()
    by_control: bool | None = None
    known: bool | None = None


EVERYTHING_STANDING = Wanted()
"""All that asks for action."""


class Findings(Protocol):
    """Port: what scanners found, as it stands now. Nothing of one estate is seen in another."""

    def of_host(
        self, estate: str, host: str, states: Collection[State] = STANDING
    ) -> Sequence[Finding]:
        """Findings of one host of the inventory with all their sightings, by key and location."""
        ...

    def of_estate(self, estate: str, wanted: Wanted = EVERYTHING_STANDING) -> Iterator[Finding]:
        """Findings without their sightings, by host, key and location. There may be millions."""
        ...

    def one(self, estate: str, host: str, key: str, location: str = "") -> Finding | None:
        """One finding with all its sightings, also what passed; None when there is none."""
        ...
