"""The waivers of an estate, as the ledger tells them.

What an event concludes is not trusted: before a waiver accepts its first finding, its statements
are verified and judged anew, under the policy in force. One that does not pass accepts nothing, and
says why. Each is verified once for each moment that is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from opsbook.approval.inforce import policy_in_force
from opsbook.approval.policy import Policy
from opsbook.approval.signatures import Signatures, SshSignatures
from opsbook.approval.verdicts import standing_approval
from opsbook.approval.waiver import EVERYTHING, KIND, Waiver
from opsbook.domains.hardening.store.model import Acceptance
from opsbook.ledger.dossier import once_stood
from opsbook.ledger.listing import Written
from opsbook.ledger.port import Story
from opsbook.model.clock import unstamp
from opsbook.model.errors import InputFault, Refused
from opsbook.model.estate import Estate, Inventory
from opsbook.model.message import Message, msg
from opsbook.model.places import Places

Verify = Callable[[Mapping[str, Any], datetime], Message | None]
"""Why the approval of a dossier does not hold at a moment; None where it does."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A waiver that stands or stood once: approved ``since``, and ``revoked`` if it was."""

    waiver: Waiver
    dossier: Mapping[str, Any]
    since: datetime
    revoked: datetime | None = None
    reason: str = ""

    @property
    def ends(self) -> datetime:
        """From when on it accepts nothing."""
        return min(self.waiver.until, self.revoked or self.waiver.until)


class Register:
    """Implements :class:`opsbook.domains.hardening.waivers.port.Waivers`.

    ``addresses`` are those of the inventory, by the names of its hosts.
    """

    def __init__(
        self, entries: Iterable[Entry], addresses: Mapping[str, str], verify: Verify
    ) -> None:
        self.entries = tuple(entries)
        self._addresses = addresses
        self._verify = verify
        self._verified: dict[tuple[str, datetime], Message | None] = {}
        self._by_key: dict[str, list[Entry]] = {}
        for entry in self.entries:
            self._by_key.setdefault(entry.waiver.key, []).append(entry)

    def covering(self, host: str, key: str, location: str, at: datetime) -> Acceptance | None:
        """By which waiver that finding is accepted at ``at``."""
        found = sorted(self._about(host, key, location), key=lambda e: e.ends, reverse=True)
        return next((_told(e) for e in found if self.problem(e, at) is None), None)

    def lapsed(self, host: str, key: str, location: str, at: datetime) -> Acceptance | None:
        """The newest waiver that covers it and does not count at ``at``, and why."""
        named = [*self._by_key.get(key, ()), *self._by_key.get(EVERYTHING, ())]
        for entry in sorted(named, key=lambda e: e.since, reverse=True):
            if entry.since <= at and self._once(entry.waiver, host, location):
                why = self.problem(entry, at) or self._moved(entry.waiver, host)
                if why is not None:
                    return _told(entry, why, entry.ends if entry.ends <= at else None)
        return None

    def keys(self) -> Collection[str] | None:
        """Keys that waivers speak of; None where one of them speaks of all."""
        return None if EVERYTHING in self._by_key else self._by_key.keys()

    def problem(self, entry: Entry, at: datetime) -> Message | None:
        """Why a waiver accepts nothing at ``at``; None while it stands."""
        if at < entry.since:
            return msg("it was not approved yet")
        if at >= entry.ends:
            if entry.revoked is not None and entry.ends == entry.revoked:
                return msg("it was revoked: {reason}", reason=entry.reason)
            return msg("its time is over")
        asked = (entry.waiver.change, at)
        if asked not in self._verified:
            self._verified[asked] = self._verify(entry.dossier, at)
        return self._verified[asked]

    def covers(self, waiver: Waiver, host: str, key: str, location: str) -> bool:
        """Whether that finding of a host of the inventory is one of those it speaks of."""
        address = self._addresses.get(host)
        return address is not None and waiver.covers(host, address, key, location)

    def _about(self, host: str, key: str, location: str) -> Iterator[Entry]:
        for named in (key, EVERYTHING):
            for entry in self._by_key.get(named, ()):
                if self.covers(entry.waiver, host, key, location):
                    yield entry

    def _once(self, waiver: Waiver, host: str, location: str) -> bool:
        """Whether it names the host, whatever its address is now."""
        there = waiver.location is None or waiver.location == location
        return there and host in (waiver.hosts if waiver.hosts is not None else self._addresses)

    def _moved(self, waiver: Waiver, host: str) -> Message | None:
        if waiver.hosts is None or waiver.hosts[host] == self._addresses.get(host):
            return None
        return msg("{host} was {then} when it was signed and is {now}", host=host,
                   then=waiver.hosts[host], now=self._addresses.get(host, "-"))  # fmt: skip


def read_register(
    ledger: Story, estate: Estate, inventory: Inventory, signatures: Signatures | None = None
) -> Register:
    """The register of ``estate``; ``inventory`` are all its hosts, without a limit.

    Raises IntegrityFault where a plan does not match its digest.
    """
    checker = signatures or SshSignatures()
    entries = [
        entry
        for dossier in once_stood(ledger, KIND, estate.name)
        if (entry := _entry(dossier, estate.name)) is not None
    ]
    addresses = {host.name: host.address for host in inventory.hosts}
    return Register(entries, addresses, _verifier(ledger, estate, checker))


def open_register(places: Places, estate: Estate, inventory: Inventory) -> Register:
    """The register as the ledger of this control host has it; empty where there is none yet."""
    if not places.ledger.is_file():
        return Register((), {}, lambda dossier, at: None)
    return read_register(Written(places.ledger), estate, inventory)


def _entry(dossier: Mapping[str, Any], estate: str) -> Entry | None:
    """What stood; None for what is no waiver of this estate, whatever its events say."""
    try:
        waiver = Waiver.from_plan(dossier["plan"])
        if dossier["plan"]["estate"]["name"] != estate:
            return None
    except (KeyError, TypeError, ValueError):
        return None
    end = dossier["cancelled"]
    return Entry(
        waiver,
        dossier,
        since=unstamp(dossier["approved"]["utc"]),
        revoked=unstamp(end["at"]["utc"]) if end else None,
        reason=str(end["reason"]) if end else "",
    )


def _verifier(ledger: Story, estate: Estate, signatures: Signatures) -> Verify:
    """Judges dossiers under the policy in force; where there is none to tell, nothing holds."""

    @cache
    def policy() -> Policy | Message:
        try:
            return policy_in_force(ledger, estate, signatures)
        except (Refused, InputFault) as error:
            return error.problem

    def verify(dossier: Mapping[str, Any], at: datetime) -> Message | None:
        decides = policy()
        if isinstance(decides, Message):
            return decides
        try:
            standing_approval(dossier, decides, at, signatures)
        except Refused as refused:
            return refused.problem
        return None

    return verify


def _told(entry: Entry, why: Message | None = None, over: datetime | None = None) -> Acceptance:
    waiver = entry.waiver
    return Acceptance(
        change=waiver.change,
        category=waiver.category,
        reason=waiver.reason,
        owner=waiver.owner,
        compensating=waiver.compensating,
        since=entry.since,
        until=waiver.until,
        over=over,
        why=why,
    )
