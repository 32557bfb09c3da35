"""MemoryHosts: file systems in memory, with inodes, that answer as a host's agent does.

    disk = Disk()
    disk.append(b"/log/app.log", b"one\\n")
    disk.rename(b"/log/app.log", b"/log/app.log.1")
    agent = MemoryAgent(disk)

``disk.during_read`` is called once in the middle of the next read, for races.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import zstandard

from opsbook.domains.logs.collect.survey import (
    Answer,
    CommandEnd,
    Digest,
    Entry,
    Facts,
    JournalEnd,
    Kind,
    Question,
    Reading,
    Total,
    Trailer,
)
from opsbook.domains.logs.model import CHUNK, LONG_LINE, TAIL
from opsbook.domains.logs.port import Piece
from opsbook.model.errors import HostUnreachable
from opsbook.model.message import msg


@dataclass
class Node:
    """One inode."""

    number: int
    data: bytearray
    mtime: int
    ctime: int


@dataclass
class Disk:
    """One host's files and clock. A freed inode number is the first to be used again."""

    now: int = 1_795_000_000
    names: dict[bytes, Node] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    during_read: Callable[[], None] | None = None
    packer: str = "zstd"
    journal: list[tuple[str, bytes]] = field(default_factory=list)
    commands: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    _last: int = 100

    def create(self, path: bytes, data: bytes = b"") -> None:
        """A new file with a new (or freed) inode at ``path``."""
        self.unlink(path)
        if self.free:
            number = self.free.pop()
        else:
            self._last += 1
            number = self._last
        self.names[path] = Node(number, bytearray(data), self.now, self.now)

    def append(self, path: bytes, data: bytes) -> None:
        """Write at the end, as a logging program does."""
        if path not in self.names:
            self.create(path)
        node = self.names[path]
        node.data += data
        node.mtime = node.ctime = self.now

    def rename(self, old: bytes, new: bytes) -> None:
        """Move a file over whatever is at ``new``."""
        node = self.names.pop(old)
        self.unlink(new)
        node.ctime = self.now
        self.names[new] = node

    def truncate(self, path: bytes, length: int = 0) -> None:
        """Cut the file."""
        node = self.names[path]
        del node.data[length:]
        node.mtime = node.ctime = self.now

    def unlink(self, path: bytes) -> None:
        """Remove the name; the inode is free once no name has it."""
        node = self.names.pop(path, None)
        if node and node not in self.names.values():
            self.free.append(node.number)

    def copy(self, old: bytes, new: bytes, length: int | None = None) -> None:
        """Copy the first ``length`` bytes to a new file."""
        self.create(new, bytes(self.names[old].data[:length]))

    def pack(self, path: bytes) -> None:
        """gzip in place: a new inode with ``.gz``, and the plain file goes."""
        self.create(path + b".gz", gzip.compress(bytes(self.names[path].data), mtime=0))
        self.unlink(path)

    def link(self, old: bytes, new: bytes) -> None:
        """A hard link."""
        self.names[new] = self.names[old]


class MemoryAgent:
    """An :class:`opsbook.domains.logs.collect.survey.Agent` over a :class:`Disk`.

    ``patience`` calls are answered, then the connection is lost.
    """

    def __init__(self, disk: Disk, patience: int = 1 << 30) -> None:
        self.disk = disk
        self.patience = patience
        self.closed = False
        self.asked: list[Question] = []
        self.readings: list[Reading] = []
        self._entries: list[Entry] = []

    def _call(self) -> None:
        self.patience -= 1
        if self.patience < 0:
            raise HostUnreachable(msg("The connection was lost."))

    def hello(self) -> Facts:
        """See :meth:`Agent.hello`."""
        self._call()
        return Facts(self.disk.now, "boot", "zstd", frozenset({"gzip", "sha256sum"}))

    def forget(self) -> None:
        """See :meth:`Agent.forget`."""
        self._entries.clear()

    def glob(self, pattern: str, follow: bool) -> list[Entry]:
        """See :meth:`Agent.glob`."""
        self._call()
        found = []
        for path in sorted(self.disk.names):
            if fnmatchcase(path.decode("latin-1"), pattern.encode().decode("latin-1")):
                node = self.disk.names[path]
                entry = Entry(len(self._entries) + 1, path, "file", 1, node.number,
                              len(node.data), node.mtime, node.ctime)  # fmt: skip
                self._entries.append(entry)
                found.append(entry)
        return found

    def _open(self, index: int) -> Node | None:
        entry = self._entries[index - 1]
        node = self.disk.names.get(entry.path)
        return node if node and node.number == entry.inode else None

    def ask(self, questions: Sequence[Question]) -> dict[Question, Answer]:
        """See :meth:`Agent.ask`."""
        self._call()
        self.asked += questions
        return {question: self._answer(question) for question in questions}

    def _answer(self, question: Question) -> Answer:
        node = self._open(question.index)
        if node is None:
            return None
        content = _content(node, question.kind)
        if isinstance(question, Total):
            return None if content is None else len(content)
        part = (content or b"")[question.start : question.start + question.length]
        return hashlib.sha256(part).hexdigest() if isinstance(question, Digest) else part

    def read(self, reading: Reading, piece: Piece) -> Trailer:
        """See :meth:`Agent.read`."""
        self._call()
        self.readings.append(reading)
        node = self._open(reading.index)
        if node is None:
            return Trailer(reading.start, reading.start, trouble="gone")
        content = _content(node, reading.kind) or b""
        end = _cut(content, reading) if reading.whole_lines else reading.end
        self._interfere()
        content = _content(node, reading.kind) or b""
        for at in range(reading.start, end, CHUNK):
            until = min(end, at + CHUNK)
            self._call()
            piece.write(zstandard.ZstdCompressor(level=1).compress(content[at:until]))
            piece.end_frame(until - at)
        return self._trailer(reading, node, end)

    def _interfere(self) -> None:
        if self.disk.during_read:
            once, self.disk.during_read = self.disk.during_read, None
            once()

    @staticmethod
    def _trailer(reading: Reading, node: Node, end: int) -> Trailer:
        facts = (len(node.data), node.mtime, node.ctime)
        if reading.kind != "plain":
            return Trailer(reading.start, end, *facts)
        data, last = bytes(node.data), min(end - reading.start, TAIL)
        return Trailer(
            reading.start, end, *facts,
            head=data[: reading.head],
            before=data[reading.start - reading.before : reading.start],
            last=data[end - last : end],
            trouble="changed" if len(data) < end else "",
        )  # fmt: skip

    def journal(self, units: Sequence[str], cursor: str, piece: Piece) -> JournalEnd | None:
        """See :meth:`Agent.journal`."""
        self._call()
        known = [place for place, _ in self.disk.journal]
        first = known.index(cursor) + 1 if cursor in known else 0
        new = self.disk.journal[first:]
        raw = b"".join(line for _, line in new)
        _send(piece, raw)
        last = new[-1][0] if new else cursor
        return JournalEnd(0, last, bool(cursor) and cursor not in known, len(raw))

    def command(self, text: str, piece: Piece) -> CommandEnd:
        """See :meth:`Agent.command`."""
        self._call()
        raw, status = self.disk.commands[text]
        _send(piece, raw)
        return CommandEnd(status, len(raw))

    def close(self) -> None:
        """See :meth:`Agent.close`."""
        self.closed = True


def _send(piece: Piece, raw: bytes) -> None:
    if raw:
        piece.write(zstandard.ZstdCompressor(level=1).compress(raw))
        piece.end_frame(len(raw))


def _content(node: Node, kind: Kind) -> bytes | None:
    if kind == "plain":
        return bytes(node.data)
    try:
        return gzip.decompress(bytes(node.data))
    except (OSError, EOFError):
        return None


def _cut(content: bytes, reading: Reading) -> int:
    """The end of the last whole line; an unfinished line of LONG_LINE bytes is taken."""
    window = content[max(reading.start, reading.end - LONG_LINE) : reading.end]
    unfinished = len(window) - (window.rfind(b"\n") + 1)
    return reading.end if unfinished >= LONG_LINE else reading.end - unfinished
