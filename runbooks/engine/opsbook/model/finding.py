"""One fact from outside that asks for action, in the one form that all scanners are read into.

A scanner's file tells of :class:`Scan` (what was run, with what content), of hosts as the scanner
named them (:class:`Seen`) and, row by row, of :class:`Row`. What a row is about is its *key*, by
which the same defect told by four scanners is one finding with four pieces of evidence:

- ``control:sshd.permitrootlogin`` where the row belongs to a control of the catalogue,
- ``cve:CVE-2024-6387``, else ``cnvd:...``, ``cnnvd:...``, ``cncve:...`` for a known vulnerability,
- ``nessus:10264``, ``ssg:accounts_tmout``: the scanner and its own number, where nothing else does.

A finding is (host, key, location), never a text: scanners reword their texts from one day to the
next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Result(StrEnum):
    """What a scanner says of one row (the words of XCCDF 1.2, NISTIR 7275r4, 6.6.4.2)."""

    FAIL = "fail"
    PASS = "pass"  # noqa: S105 - a word of XCCDF
    ERROR = "error"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    NOT_CHECKED = "not_checked"
    INFORMATIONAL = "informational"

    @property
    def decides(self) -> bool:
        """Whether the row says how things are: it was looked at and there is an answer."""
        return self in (Result.FAIL, Result.PASS)


class Severity(StrEnum):
    """One scale for all scanners; what the scanner itself said is kept beside it."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Scan:
    """Where rows come from. ``credentialed`` is None where the file does not say.

    ``format`` is the name of the reader, ``tool`` and ``content`` what the scanner calls itself
    and its rules (benchmark, plugin feed, knowledge base); times are RFC 3339 as told, "" where
    they are not. ``file`` is the name of the file, with ``!member`` for a file inside of one.
    """

    format: str
    tool: str
    file: str = ""
    tool_version: str = ""
    content: str = ""
    content_version: str = ""
    profile: str = ""
    started: str = ""
    ended: str = ""
    credentialed: bool | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A host as the scanner named it. ``id`` is what rows of the same file call it.

    ``os`` is the system in the scanner's words or a CPE name.
    """

    id: str
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    os: str = ""
    credentialed: bool | None = None


@dataclass(frozen=True, slots=True)
class Ids:
    """Identifiers in public name spaces, upper case, without repetition, in the order told."""

    cve: tuple[str, ...] = ()
    cnvd: tuple[str, ...] = ()
    cnnvd: tuple[str, ...] = ()
    cncve: tuple[str, ...] = ()
    cce: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


@dataclass(slots=True)  # frozen, making one takes five times as long, and there are millions
class Row:
    """One row of a scanner, before anybody decided what it is about.

    ``scanner`` is the name space of ``rule``: ``ssg``, ``nessus``, ``openvas``, ``lynis``,
    ``rsas`` ... ``location`` is where on the host: ``443/tcp``, a path, ``""`` for the host itself.
    ``package`` and the versions are those of a vulnerable package. ``told`` is the severity in the
    scanner's own words and scale. Texts are as told, cut to a sane length; they are hostile.
    """

    host: str
    scanner: str
    rule: str
    result: Result
    severity: Severity
    told: str
    title: str
    location: str = ""
    evidence: str = ""
    remedy: str = ""
    ids: Ids = Ids()
    package: str = ""
    installed: str = ""
    fixed: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part of the file of which nothing could be made: shown and counted, never dropped.

    ``where`` is a line, a byte or an element; ``why`` one of a few plain words, so that counts can
    be made; ``ends`` says that nothing after it was read (a file cut off in the middle).
    """

    where: str
    why: str
    ends: bool = False


Told = Scan | Seen | Row | Unreadable
"""What a reader yields. A :class:`Scan` and :class:`Seen` come before the rows that need them."""
