"""The port between the register of waivers and whoever lists, plans or proves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Protocol

from opsbook.domains.hardening.store.model import CONTROL, Acceptance


class Waivers(Protocol):
    """Port: what is accepted on the hosts of one estate."""

    def covering(self, host: str, key: str, location: str, at: datetime) -> Acceptance | None:
        """By which waiver that finding is accepted at ``at``; of several by the one that stands
        longest. ``host`` is a name of the inventory, ``key`` a whole key.
        """
        ...

    def lapsed(self, host: str, key: str, location: str, at: datetime) -> Acceptance | None:
        """The newest waiver that covers it and does not count at ``at``, and why."""
        ...

    def keys(self) -> Collection[str] | None:
        """Keys that waivers speak of; None where one of them speaks of all."""
        ...


def accepted_controls(
    waivers: Waivers, host: str, controls: Iterable[str], at: datetime
) -> dict[str, Acceptance]:
    """Those of ``controls``, by their keys, that are accepted on ``host`` at ``at``, whether a
    scanner found them or not.
    """
    asked = ((key, waivers.covering(host, CONTROL + key, "", at)) for key in controls)
    return {key: accepted for key, accepted in asked if accepted is not None}


class NoWaivers:
    """Implements :class:`Waivers` where nothing was ever accepted."""

    def covering(self, host: str, key: str, location: str, at: datetime) -> Acceptance | None:
        """None."""
        return None

    def lapsed(self, host: str, key: str, location: str, at: datetime) -> Acceptance | None:
        """None."""
        return None

    def keys(self) -> Collection[str] | None:
        """None of any key."""
        return ()
