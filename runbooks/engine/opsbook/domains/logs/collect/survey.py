"""What a host can be asked about its logs, and the port through which it is asked.

A survey expands every pattern once; from then on a file is called by its number in the survey,
never by its name, and every answer is about the file with the device and inode seen then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from opsbook.domains.logs.model import Source
from opsbook.domains.logs.port import Piece
from opsbook.model.message import Message, msg

Kind = Literal["plain", "gz", "xz", "zst", "bz2"]
"""How a file's content is packed; known by its first bytes, not by its name."""

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x1f\x8b\x08", "gz"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"BZh", "bz2"),
)
UNPACKERS = {"gz": "gzip", "xz": "xz", "zst": "zstd", "bz2": "bzip2"}
"""The tool on the host that unpacks a kind."""

_ROTATED = re.compile(rb"(\.\d{1,4}|[-_.]\d{4}-?\d\d(-?\d\d.*)?|\.old|\.bak)(\.(gz|xz|zst|bz2))?$")


@dataclass(frozen=True, slots=True)
class Facts:
    """One host at the start of its night. ``now`` is its own clock, seconds since 1970."""

    now: int
    boot_id: str
    packer: Literal["zstd", "gzip", "none"]
    tools: frozenset[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one pattern matched; a broken link is a link that leads nowhere or in a circle."""

    index: int
    path: bytes
    what: Literal["file", "link", "broken_link", "directory", "other"]
    device: int
    inode: int
    size: int
    mtime: int
    ctime: int


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One regular file of the survey. ``sources`` are all that match it, in name order."""

    index: int
    path: bytes
    device: int
    inode: int
    size: int
    mtime: int
    ctime: int
    sources: tuple[str, ...]

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return (self.device, self.inode)

    @property
    def seen(self) -> tuple[int, int, int, int]:
        """As remembered in :attr:`opsbook.domains.logs.model.Stream.packed`."""
        return (self.device, self.inode, self.size, self.mtime)


@dataclass(frozen=True, slots=True)
class Note:
    """Something about a file that people should know; it was left out for this reason."""

    path: bytes
    reason: Message


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything seen in one pass. ``now`` is the host's clock then."""

    files: tuple[Surveyed, ...]
    notes: tuple[Note, ...]
    now: int


@dataclass(frozen=True, slots=True)
class Peek:
    """Bytes ``[start, start + length)`` of a file's content, unpacked unless ``plain``."""

    index: int
    kind: Kind
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Digest:
    """SHA-256 (hex) of a span of a file's content, made on the host."""

    index: int
    kind: Kind
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Total:
    """Length of a packed file's content; None as the answer means: not whole (yet)."""

    index: int
    kind: Kind


Question = Peek | Digest | Total
Answer = bytes | str | int | None
"""``None`` to a Peek or Digest: the file is no longer the one that was surveyed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One file to be read from ``start`` to ``end``; with ``whole_lines`` an unfinished last
    line is left out. ``head`` and ``before`` are lengths of the windows to show afterwards.
    """

    index: int
    kind: Kind
    start: int
    end: int
    whole_lines: bool
    head: int = 0
    before: int = 0


@dataclass(frozen=True, slots=True)
class Trailer:
    """What was there after a file had been read: its size, and windows read again.

    ``trouble`` is empty, or why the piece cannot be used.
    """

    start: int
    end: int
    size: int = 0
    mtime: int = 0
    ctime: int = 0
    head: bytes = b""
    before: bytes = b""
    last: bytes = b""
    trouble: Literal["", "gone", "denied", "changed"] = ""


@dataclass(frozen=True, slots=True)
class JournalEnd:
    """How reading the journal ended. ``vacuumed``: entries after the old cursor are gone."""

    status: int
    cursor: str
    vacuumed: bool
    raw_bytes: int


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended."""

    status: int
    raw_bytes: int


class Agent(Protocol):
    """Port: our hand on one host for one night. Every method may raise a HostFault."""

    def hello(self) -> Facts:
        """Who is there, once, first."""
        ...

    def glob(self, pattern: str, follow: bool) -> list[Entry]:
        """Expand a pattern; entries get the next numbers."""
        ...

    def forget(self) -> None:
        """Begin a new survey: numbers start again at 1."""
        ...

    def ask(self, questions: Sequence[Question]) -> dict[Question, Answer]:
        """Answers to all questions, in one go."""
        ...

    def read(self, reading: Reading, piece: Piece) -> Trailer:
        """Read a file into ``piece``, and look at it again afterwards."""
        ...

    def journal(self, units: Sequence[str], cursor: str, piece: Piece) -> JournalEnd | None:
        """Read journald after ``cursor``; None when the host has no journald."""
        ...

    def command(self, text: str, piece: Piece) -> CommandEnd:
        """Read a command's whole output."""
        ...

    def close(self) -> None:
        """End."""
        ...


def kind_of(head: bytes) -> Kind:
    """What the first bytes of a file say of its packing."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return "plain"


def looks_rotated(path: bytes) -> bool:
    """Whether a name is one that rotation gives: a number, a date, ``old``."""
    return _ROTATED.search(path) is not None


def shown(path: bytes) -> str:
    r"""A path as text; bytes that are not UTF-8 are shown as ``\xNN``."""
    return path.decode("utf-8", "backslashreplace")


def survey(agent: Agent, sources: Iterable[Source], now: int) -> Survey:
    """Expand the patterns of all ``sources`` and keep each regular file once."""
    found: dict[str, list[Entry]] = {}
    agent.forget()
    for source in sorted(sources, key=lambda source: source.name):
        for pattern in source.files:
            entries = agent.glob(pattern, source.follow_symlinks)
            found.setdefault(source.name, []).extend(entries)
    return settle(found, now)


def settle(found: Mapping[str, Sequence[Entry]], now: int) -> Survey:
    """Files by device and inode, each once, with every source that matches it."""
    files: dict[tuple[int, int], list[tuple[str, Entry]]] = {}
    notes: dict[bytes, Note] = {}
    for source, entries in sorted(found.items()):
        for entry in entries:
            if entry.what == "file":
                files.setdefault((entry.device, entry.inode), []).append((source, entry))
            elif entry.what != "directory":
                notes.setdefault(entry.path, Note(entry.path, _LEFT_OUT[entry.what]))
    surveyed = []
    for seen in files.values():
        first = seen[0][1]
        sources = tuple(sorted({source for source, _ in seen}))
        surveyed.append(
            Surveyed(first.index, first.path, first.device, first.inode, first.size,
                     first.mtime, first.ctime, sources)
        )  # fmt: skip
        for note in _overlaps(seen, sources):
            notes.setdefault(note.path, note)
    return Survey(tuple(surveyed), tuple(notes.values()), now)


_LEFT_OUT = {
    "link": msg("a symbolic link; follow_symlinks is off"),
    "broken_link": msg("a symbolic link that leads nowhere or in a circle"),
    "other": msg("not a regular file"),
}


def _overlaps(seen: Sequence[tuple[str, Entry]], sources: Sequence[str]) -> list[Note]:
    first = seen[0][1]
    names = {entry.path for _, entry in seen[1:]} - {first.path}
    notes = [
        Note(name, msg("the same file as {path}", path=shown(first.path))) for name in sorted(names)
    ]
    if len(sources) > 1:
        reason = msg("matched by several sources: {sources}", sources=", ".join(sources))
        notes.append(Note(first.path, reason))
    return notes
