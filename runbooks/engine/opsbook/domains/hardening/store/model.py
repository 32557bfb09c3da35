"""What the store gives back: a finding with everything that scanners said of it.

A finding is a host, a key and a location (see :mod:`opsbook.model.finding`), for good: whatever
scanners say of the same three later is said of the same finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from opsbook.model.finding import Ids, Result, Severity
from opsbook.model.message import Message

CONTROL = "control:"
"""What the key of a finding begins with that belongs to a control of the catalogue."""
CVE = "cve:"
"""What the key of a finding begins with that is a known vulnerability."""


NO_IDS = Ids()


class State(StrEnum):
    """How things stand with a finding.

    - ``open``: a scanner's newest answer is that it fails.
    - ``fixed``: every scanner that found it has looked again, with the same content and no fewer
      rights, and does not find it any more.
    - ``not_reproducible``: looked at again it was not found, but not in a way that proves anything:
      another version of the rules, or a scanner that never tells what passes left it out.
    - ``undecided``: nobody who looked could say: errors, unknown, not checked.
    - ``noted``: scanners only mention it, nothing fails.
    - ``waived``: accepted for a while; given by the register of waivers, never by the store.
    """

    OPEN = "open"
    FIXED = "fixed"
    NOT_REPRODUCIBLE = "not_reproducible"
    UNDECIDED = "undecided"
    NOTED = "noted"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Look:
    """One scanner's look at one host: what later looks are compared with.

    ``scan`` is the number of the scan in the store. ``at`` is when the scanner looked, as it says
    so itself, but never later than the import. ``credentialed`` is None where nothing is told.
    ``file`` is the file's name as imported (``name!member`` within an archive), ``sha256`` its
    digest. ``host`` is what the scanner called the host.
    """

    scan: int
    host: str
    at: datetime
    format: str
    tool: str
    tool_version: str = ""
    content: str = ""
    content_version: str = ""
    profile: str = ""
    credentialed: bool | None = None
    file: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one row of one scan said. Texts are the scanner's own and hostile."""

    look: Look
    scanner: str
    rule: str
    result: Result
    severity: Severity
    told: str
    title: str
    location: str = ""
    evidence: str = ""
    remedy: str = ""
    ids: Ids = NO_IDS
    package: str = ""
    installed: str = ""
    fixed: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """By which waiver a finding is, or was, accepted for a while; given by the register of waivers.

    ``change`` is the waiver's number, ``since`` when it was approved, ``until`` its end. One that
    no longer accepts the finding says why (``why``) and since when (``over``, None where there is
    no telling: its signatures do not hold any more, the host is another).
    """

    change: str
    category: str
    reason: str
    owner: str
    compensating: str
    since: datetime
    until: datetime
    over: datetime | None = None
    why: Message | None = None

    def last_day(self, zone: tzinfo) -> date:
        """The day in ``zone`` on which it still stands at some moment, and on none after it."""
        return last_day(self.until, zone)


def last_day(until: datetime, zone: tzinfo) -> date:
    """The last day in ``zone`` of what ends at ``until``: at midnight, it is the day before."""
    return (until - timedelta(microseconds=1)).astimezone(zone).date()


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``known`` is False where no host of the inventory matches: ``host`` is then
    what the scanner called it.

    ``severity`` is the gravest that a scanner gives it among those that find it now (of a finding
    that stands no more, among all), ``title`` and ``ids`` are those of all its sightings.
    ``first_seen`` and ``last_seen`` are the first and the last look at which it failed, or of one
    that never failed was told of. ``sightings`` are in the order of their looks, oldest first;
    empty in long lists. ``accepted`` is told of what is waived, and of what was and is open again.
    """

    host: str
    key: str
    location: str
    state: State
    severity: Severity
    title: str
    first_seen: datetime
    last_seen: datetime
    ids: Ids = NO_IDS
    sightings: tuple[Sighting, ...] = ()
    known: bool = True
    accepted: Acceptance | None = None

    @property
    def control(self) -> str | None:
        """The key of the control (``sshd.permitrootlogin``) it belongs to, if to any."""
        return self.key.removeprefix(CONTROL) if self.key.startswith(CONTROL) else None

    @property
    def cve(self) -> str | None:
        """The CVE id it stands for, if for one."""
        return self.key.removeprefix(CVE) if self.key.startswith(CVE) else None
