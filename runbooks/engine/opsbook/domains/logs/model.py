"""Log collection as data: sources, streams, windows, losses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from opsbook.model.base import Declared
from opsbook.model.clock import stamp
from opsbook.model.estate import TimeZone
from opsbook.model.faults import WrongValue
from opsbook.model.message import Message, msg
from opsbook.model.names import SourceName
from opsbook.model.runbook import Duration

HEAD = 1024
"""Bytes from the start of a stream whose hash helps to recognise it."""

TAIL = 4096
"""Bytes before the offset of a stream whose hash proves that a file still continues it."""

CHUNK = 16 * 1024 * 1024
"""The most raw bytes in one stored zstd frame."""

LONG_LINE = 64 * 1024
"""An unfinished last line up to this many bytes waits for the next night; a longer one is kept
as it comes."""

_UNIT = re.compile(r"[A-Za-z0-9@:._\\-]{1,256}")


def _pattern(value: str) -> str:
    if not value.startswith("/") or "//" in value or not value.isprintable():
        raise WrongValue(msg("a pattern is an absolute path in one line, not {value}", value=value))
    return value


def _unit(value: str) -> str:
    if not _UNIT.fullmatch(value) or value.startswith("-"):
        raise WrongValue(msg("{value} is not the name of a systemd unit", value=value))
    return value


def _one_line(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise WrongValue(msg("a command is one line"))
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]
Unit = Annotated[str, AfterValidator(_unit)]
Command = Annotated[str, AfterValidator(_one_line)]


class Source(Declared):
    """One declared source of logs: variables ``opsbook_logs_*`` of a group or host are lists of
    these, and a host collects all of them together.

    ``expect_every`` says how often a healthy source writes at least one line; with it the
    completeness of a day is judged, without it coverage is only shown.
    """

    name: SourceName
    files: tuple[Pattern, ...] = Field(default=(), strict=False)
    journal: tuple[Unit, ...] | None = Field(default=None, strict=False)
    command: Command | None = None
    timezone: TimeZone | None = None
    encoding: Literal["utf-8", "gb18030", "latin-1"] = "utf-8"
    sensitivity: Literal["public", "internal", "sensitive"] = "internal"
    expect_every: Duration | None = None
    follow_symlinks: bool = False
    become: bool | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Source:
        kinds = [bool(self.files), self.journal is not None, self.command is not None]
        if sum(kinds) != 1:
            raise WrongValue(msg("state exactly one of files, journal and command"))
        return self

    @property
    def kind(self) -> Literal["files", "journal", "command"]:
        """Which of the three kinds of source this is."""
        if self.files:
            return "files"
        return "journal" if self.journal is not None else "command"


@dataclass(frozen=True, slots=True)
class Window:
    """``length`` raw bytes from ``start`` and their SHA-256 (hex)."""

    start: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stream:
    """One content that grows at its end, wherever its file is renamed, copied or packed to.

    ``offset`` is how many raw bytes are kept; ``head`` and ``tail`` are windows of the kept
    bytes (``tail`` ends at ``offset``); while nothing is kept, ``head`` is of the file itself.
    ``device``, ``inode``, ``size``, ``mtime``, ``ctime`` and ``path`` are of the file that
    carried it when last seen (seconds since 1970; ``path`` is raw bytes). ``packed`` lists
    ``(device, inode, size, mtime)`` of compressed files known to hold it. ``cursor`` is
    journald's. ``number`` is unique per host, given by the store.
    """

    number: int
    source: str
    generation: int
    path: bytes = b""
    device: int = 0
    inode: int = 0
    size: int = 0
    mtime: int = 0
    ctime: int = 0
    offset: int = 0
    head: Window | None = None
    tail: Window | None = None
    cursor: str = ""
    packed: tuple[tuple[int, int, int, int], ...] = ()
    ended: bool = False
    last_line_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """Lines the source itself may have lost, bounded in time and, where a rate is known, number."""

    source: str
    path: str
    reason: Message
    after: datetime | None
    before: datetime | None
    lines_at_most: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As kept in manifests and records."""
        return {
            "source": self.source,
            "path": self.path,
            "reason": self.reason.to_json(),
            "after": stamp(self.after) if self.after else None,
            "before": stamp(self.before) if self.before else None,
            "lines_at_most": self.lines_at_most,
        }


@dataclass(frozen=True, slots=True)
class Completeness:
    """Minutes with at least one line, of those expected in ``[since, until)``.

    ``gaps`` are ``(first missing minute, last missing minute)`` in the source's time zone as
    ``2026-11-21T03:12``. ``expected`` is None when the source declares no rate.
    """

    source: str
    since: datetime
    until: datetime
    expected: int | None
    have: int
    gaps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SourceTotals:
    """What one source brought in one night."""

    source: str
    raw_bytes: int
    stored_bytes: int
    lines: int
    first_line_at: datetime | None
    last_line_at: datetime | None
    pieces: int


@dataclass(frozen=True, slots=True)
class NightResult:
    """What a committed night left in the store. Seconds are measured, for the figures."""

    day: str
    manifest_sha256: str
    totals: tuple[SourceTotals, ...]
    completeness: tuple[Completeness, ...]
    dropped: tuple[int, ...] = ()
    seal_seconds: float = 0.0
    notes: tuple[Message, ...] = field(default=())
