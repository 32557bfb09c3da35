"""A scanner's file from the disk to what it tells: opened, unpacked in place, recognised, read.

Compressed files (gzip, bzip2, zip) are known by their first bytes and read without writing
anything to the disk. Names inside of an archive are only words: nothing is ever created by them.
Whatever is in a file, reading does not raise: what could not be read is told.
"""

from __future__ import annotations

import gc
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from opsbook.domains.hardening.reading import formats
from opsbook.domains.hardening.reading.packed import Hashed, Limits, Member, unpacked
from opsbook.domains.hardening.reading.port import HEAD_BYTES, Format, Head, Source
from opsbook.domains.hardening.reading.text import encoding_of
from opsbook.model.errors import InputFault
from opsbook.model.finding import Row, Scan, Seen, Told, Unreadable
from opsbook.model.message import msg

_ROOT = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)")
_NOT_ELEMENTS = re.compile(
    r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.S | re.I
)


@dataclass(slots=True)
class Read:
    """What was read of one file, complete when its reading has ended.

    ``size`` in bytes and ``sha256`` are those of the file as it lies on the disk; ``formats`` are
    those that were recognised in it; ``rows`` counts rows by result, ``unreadable`` by reason.
    ``ended`` says that part of the file was not reached.
    """

    name: str
    size: int = 0
    sha256: str = ""
    formats: list[str] = field(default_factory=list)
    scans: int = 0
    hosts: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    ended: bool = False

    def count(self, told: Told) -> None:
        """Take one thing told into account."""
        if isinstance(told, Row):
            self.rows[told.result] += 1
        elif isinstance(told, Seen):
            self.hosts += 1
        elif isinstance(told, Scan):
            self.scans += 1
        else:
            self.unreadable[told.why] += 1
            self.ended = self.ended or told.ends


class Reading:
    """Iterates once over all that a file tells; ``summary`` is complete afterwards."""

    def __init__(
        self,
        path: Path,
        chosen: Format | None = None,
        options: Mapping[str, object] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.summary = Read(path.name)
        self._path, self._chosen = path, chosen
        self._options, self._limits = dict(options or {}), limits or Limits()

    def __iter__(self) -> Iterator[Told]:
        with _opened(self._path) as raw, _rare_collection(), _unchanged(raw, self._path):
            hashed = Hashed(raw)
            for member in unpacked(hashed, self._path.name, self._limits):
                for told in self._of(member):
                    self.summary.count(told)
                    yield told
            self.summary.sha256, self.summary.size = hashed.whole()

    def _of(self, member: Member | Unreadable) -> Iterator[Told]:
        if isinstance(member, Unreadable):
            yield member
            return
        yield from self._content(member)
        if fault := member.content.fault:
            yield Unreadable(member.name, fault, ends=True)

    def _content(self, member: Member) -> Iterator[Told]:
        name, content = member.name, member.content
        head = head_of(name, content.head(HEAD_BYTES))
        found = self._chosen or formats.recognise(head)
        if found is None:
            yield Unreadable(name, "format not recognised", ends=member.alone)
            return
        if found.name not in self.summary.formats:
            self.summary.formats.append(found.name)
        try:
            yield from found.read(Source(name, content.stream(), self._options, member.beside))
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            yield Unreadable(name, f"reader {found.name} failed: {type(error).__name__}", ends=True)
        except RecursionError:
            yield Unreadable(name, "nested too deep", ends=True)


def read_file(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the word users know
    options: Mapping[str, object] | None = None,
    limits: Limits | None = None,
) -> Reading:
    """What the scanner's file ``path`` tells, as a :class:`Reading` to iterate over.

    ``format`` names the format instead of recognising it; ``options`` are handed to the format
    (see :class:`~.port.Source`). Raises :class:`UsageFault` for a format that does not exist; the
    iteration raises :class:`InputFault` when ``path`` is no regular file or cannot be opened, and
    at its end when the file changed meanwhile.
    """
    return Reading(path, formats.named(format) if format else None, options, limits)


def head_of(name: str, data: bytes) -> Head:
    """The beginning of a file as formats are shown it."""
    return Head(name, data, root_of(data))


def root_of(data: bytes) -> str:
    """The local name of the root element of what begins like XML or HTML, else ""."""
    text = data.decode(encoding_of(data), "replace").removeprefix("\ufeff")
    at = 0
    while found := _NOT_ELEMENTS.match(text, at):
        at = found.end()
    root = _ROOT.match(text, at)
    return root[1] if root else ""


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Rows and trees have no cycles, yet the collector would look at each of millions: a sixth of
    the time. It still runs, only seldom.
    """
    usual = gc.get_threshold()
    gc.set_threshold(100_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@contextmanager
def _unchanged(file: BinaryIO, path: Path) -> Iterator[None]:
    """What is still being written would count as read to its end, with the hash of all of it."""
    before = os.fstat(file.fileno())
    yield
    after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputFault(
            msg("{path} changed while it was read.", path=str(path)),
            untouched=msg("Nothing of it was taken in."),
            next_step=msg("Wait until it has been written to its end, and type the same again."),
        )


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Only a regular file: opening a pipe would wait, a device may never end."""
    untouched = msg("Nothing was read.")
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise InputFault(
            msg("{path} cannot be read: {reason}.", path=str(path), reason=_reason(error)),
            untouched=untouched,
            next_step=msg("Check the path and who may read it."),
        ) from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise InputFault(
            msg("{path} is not a file.", path=str(path)),
            untouched=untouched,
            next_step=msg("Give the scanner's files one by one."),
        )
    with os.fdopen(number, "rb", buffering=0) as file:
        yield cast(BinaryIO, file)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
