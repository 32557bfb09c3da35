"""Compressed files read in place: gzip and bzip2 as a stream, zip member by member.

A workbook (OOXML, which is a zip inside) is one file, not an archive; inside of an archive it is
copied to an unnamed temporary file, as it can only be read with seeking. An archive inside of an
archive is told and left out; a gzip or bzip2 inside of one is read. Names of members are GBK where
they are not marked as UTF-8 (APPNOTE 4.4.4, bit 11). Every byte that comes out is counted against
:class:`Limits`; beyond them a file just ends, and it is told. Nothing here raises for content.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO, BinaryIO, cast

from opsbook.domains.hardening.reading.text import decode, line
from opsbook.domains.hardening.reading.zipdirectory import size_of_directory
from opsbook.model.finding import Unreadable

_CHUNK = 1 << 20
_GZIP, _BZIP2, _ZIP, _EMPTY_ZIP = b"\x1f\x8b", b"BZh", b"PK\x03\x04", b"PK\x05\x06"
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError)
_UNSUPPORTED = (NotImplementedError, RuntimeError)  # zipfile: method, encryption
_DAMAGED = "cut off or damaged when unpacked"
_UNKNOWN = "encrypted or packed in an unknown way"
_OOXML = "[Content_Types].xml"
_UTF8_NAME = 0x800
_LONGEST_NAME = 300
_IN_MEMORY = 8 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What is unpacked at most: ``total`` bytes of one file, ``members`` of an archive, ``ratio``
    of bytes out to bytes in beyond the first ``free`` ones, ``directory`` bytes of an archive's
    list of members.
    """

    total: int = 8 << 30
    members: int = 20_000
    ratio: int = 1_100  # gzip reaches 1032 at most (RFC 1951)
    free: int = 64 << 20
    directory: int = 16 << 20


class Hashed(io.RawIOBase):
    """A file that is hashed while it is read from its beginning on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._hashed = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always: it lies on a disk."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As of any file; what was not seen before is hashed."""
        at = self._file.tell()
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        if at <= self._hashed < at + count:
            self._hash.update(buffer[self._hashed - at : count])
            self._hashed = at + count
        return count

    def whole(self) -> tuple[str, int]:
        """SHA-256 in hexadecimal and size in bytes of the whole file, after reading the rest."""
        self._file.seek(self._hashed)
        while chunk := self._file.read(_CHUNK):
            self._hash.update(chunk)
            self._hashed += len(chunk)
        return self._hash.hexdigest(), self._hashed


class _Budget:
    """What may still come out of one file."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.out = 0

    def take(self, count: int, read: int) -> str:
        self.out += count
        if self.out > self.limits.total:
            return "larger than allowed when unpacked"
        if self.out > self.limits.free and self.out > read * self.limits.ratio:
            return "packed too tightly"
        return ""


class Unpacked(io.RawIOBase):
    """The content of a file or a member. ``fault`` says why it ended before its end, else ""."""

    def __init__(
        self,
        inner: IO[bytes],
        budget: _Budget | None = None,
        read: Callable[[], int] = lambda: 0,
    ) -> None:
        self.fault = ""
        self._inner, self._budget, self._read = inner, budget, read
        # one step of unpacking at a time: what comes before the damage is not lost
        self._piece: Callable[[int], bytes] = getattr(inner, "read1", inner.read)
        self._first = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Only where nothing has to be unpacked."""
        return self._budget is None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file, where it can be sought in."""
        if self._budget is not None:
            raise io.UnsupportedOperation
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        """As of any file, where it can be sought in."""
        return self._inner.tell()

    def head(self, count: int) -> bytes:
        """The first ``count`` bytes, which are still there to be read."""
        taken = b""
        while len(taken) < count and (more := self._take(count - len(taken))):
            taken += more
        if self._budget is None:
            self._inner.seek(0)
        else:
            self._first = taken
        return taken

    def stream(self) -> BinaryIO:
        """It all, to read from its beginning."""
        return io.BufferedReader(self, 1 << 17)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As of any file; what is broken or beyond the limits ends it."""
        data = self._first[: len(buffer)]
        if data:
            self._first = self._first[len(data) :]
        else:
            data = self._take(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _take(self, count: int) -> bytes:
        if self._budget is not None and not self.fault:
            self.fault = self._budget.take(0, self._read())
        if self.fault:
            return b""
        try:
            data = self._piece(count)
            if self._budget is not None:
                self.fault = self._budget.take(len(data), self._read())
        except _UNSUPPORTED:
            self.fault, data = _UNKNOWN, b""
        except _BROKEN:
            self.fault, data = _DAMAGED, b""
        return data


@dataclass(frozen=True, slots=True)
class Member:
    """One file to be recognised; ``alone`` is False for one of an archive."""

    name: str
    content: Unpacked
    alone: bool = True
    beside: frozenset[str] = frozenset()


def unpacked(hashed: Hashed, name: str, limits: Limits) -> Iterator[Member | Unreadable]:
    """The file itself, or what is in it. Each member is to be read before the next is asked for."""
    start = hashed.read(4) or b""
    hashed.seek(0)
    file = cast(BinaryIO, hashed)
    if start in (_ZIP, _EMPTY_ZIP):
        yield from _of_zip(file, name, limits)
    elif packed := _stream(file, start):
        yield Member(name, Unpacked(packed, _Budget(limits), hashed.tell))
    else:
        yield Member(name, Unpacked(file))


def _stream(file: IO[bytes], start: bytes) -> IO[bytes] | None:
    if start.startswith(_GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if start.startswith(_BZIP2):
        return cast(IO[bytes], bz2.BZ2File(file))
    return None


def _of_zip(file: BinaryIO, name: str, limits: Limits) -> Iterator[Member | Unreadable]:
    try:
        archive = _archive(file, limits)
    except _UNSUPPORTED:
        archive = _UNKNOWN
    except _BROKEN:
        archive = _DAMAGED
    if isinstance(archive, str):
        yield Unreadable(name, archive, ends=True)
    elif _OOXML in archive.NameToInfo:
        file.seek(0)
        yield Member(name, Unpacked(file))
    else:
        yield from _members(archive, name, _Budget(limits))


def _members(archive: zipfile.ZipFile, name: str, budget: _Budget) -> Iterator[Member | Unreadable]:
    packed = 0
    beside = frozenset(map(_name, archive.infolist()))
    for info in archive.infolist():
        packed += info.compress_size
        if not info.is_dir():
            for found in _member(archive, info, f"{name}!{_name(info)}", budget, packed):
                yield replace(found, beside=beside) if isinstance(found, Member) else found


def _archive(file: BinaryIO, limits: Limits) -> zipfile.ZipFile | str:
    members, directory = size_of_directory(file)
    if members > limits.members or directory > limits.directory:
        return "more members than allowed"
    archive = zipfile.ZipFile(file)
    return archive if len(archive.filelist) <= limits.members else "more members than allowed"


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, budget: _Budget, packed: int
) -> Iterator[Member | Unreadable]:
    try:
        inner = archive.open(info)
        start = cast(zipfile.ZipExtFile, inner).peek(4)[:4]
    except _UNSUPPORTED:
        yield Unreadable(name, _UNKNOWN)
    except _BROKEN:
        yield Unreadable(name, _DAMAGED)
    else:
        with inner:
            if start == _ZIP:
                yield from _workbook(Unpacked(inner, budget, lambda: packed), name)
            else:
                stream = _stream(inner, start) or inner
                yield Member(name, Unpacked(stream, budget, lambda: packed), alone=False)


def _workbook(content: Unpacked, name: str) -> Iterator[Member | Unreadable]:
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
        while chunk := content.read(_CHUNK):
            copy.write(chunk)
        copy.seek(0)
        file = cast(BinaryIO, copy)
        try:
            archive = "" if content.fault else _archive(file, Limits())
        except _UNSUPPORTED:
            archive = _UNKNOWN
        except _BROKEN:
            archive = _DAMAGED
        if isinstance(archive, str):
            yield Unreadable(name, content.fault or archive)
        elif _OOXML not in archive.NameToInfo:
            yield Unreadable(name, "an archive inside of an archive")
        else:
            copy.seek(0)
            yield Member(name, Unpacked(file), alone=False)


def _name(info: zipfile.ZipInfo) -> str:
    told = info.orig_filename
    if not info.flag_bits & _UTF8_NAME:
        told = decode(told.encode("cp437", "replace"))
    return line(told, _LONGEST_NAME)
