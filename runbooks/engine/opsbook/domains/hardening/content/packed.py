"""Datastreams out of what they come in: XML as it is, gzip, bzip2, xz, zip, a Debian package.

Nothing is written to the disk and no name in an archive is ever used as a path. A Debian package
(deb(5)) is an ar(5) archive with ``data.tar`` in it, read in place; its scripts are not looked at.
Every byte that comes out is counted; beyond the limits reading ends with a fault.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

import zstandard

from opsbook.domains.hardening.content.datastream import is_datastream
from opsbook.domains.hardening.reading.text import line
from opsbook.model.faults import WrongValue
from opsbook.model.message import msg

MOST_BYTES = 512 << 20
"""The most bytes of one datastream (those of the largest products have about 100 MB)."""
MOST_MEMBERS = 20_000
_MOST_UNPACKED = 8 << 30
_HEAD = 4096
_AR = b"!<arch>\n"
_AR_HEADER = 60
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
           zstandard.ZstdError, ValueError, NotImplementedError, RuntimeError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packed:
    """One datastream: the name it has where it comes from, and its bytes, to be read at once."""

    name: str
    stream: BinaryIO


def datastreams(file: BinaryIO, name: str) -> Iterator[Packed]:
    """Every datastream in ``file``; each is to be read before the next is asked for.

    Raises WrongValue for what is damaged or larger than allowed.
    """
    try:
        for member, stream in _members(file, name):
            bounded = io.BufferedReader(Bounded(stream, MOST_BYTES), 1 << 17)
            if is_datastream(bounded.peek(_HEAD)):
                yield Packed(line(member.rpartition("/")[2], 200), cast(BinaryIO, bounded))
    except WrongValue:
        raise
    except _BROKEN as error:
        raise WrongValue(msg("it is cut off or damaged: {reason}", reason=str(error))) from error


class Bounded(io.RawIOBase):
    """``inner`` up to ``most`` bytes; more raises WrongValue."""

    def __init__(self, inner: IO[bytes], most: int, *, whole: bool = True) -> None:
        self._inner, self._left, self._whole = inner, most, whole

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As of any file."""
        room = len(buffer) if self._whole else min(len(buffer), self._left)
        data = self._inner.read(room) or b""
        self._left -= len(data)
        if self._left < 0:
            raise WrongValue(msg("it is larger than allowed when unpacked"))
        buffer[: len(data)] = data
        return len(data)


def _members(file: BinaryIO, name: str) -> Iterator[tuple[str, IO[bytes]]]:
    start = file.read(8)
    file.seek(0)
    if start == _AR:
        yield from _of_tar(_data_of_package(file))
    elif start.startswith(b"PK\x03\x04"):
        yield from _of_zip(file)
    else:
        yield name, _unpacked(file, start)


def _of_zip(file: BinaryIO) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(file) as archive:
        if len(archive.filelist) > MOST_MEMBERS:
            raise WrongValue(msg("it has more files in it than allowed"))
        for info in archive.infolist():
            if info.filename.lower().endswith((".xml", ".xml.bz2", ".xml.gz")):
                with archive.open(info) as member:
                    first = cast(zipfile.ZipExtFile, member).peek(8)[:8]
                    yield info.filename, _unpacked(cast(BinaryIO, member), first)


def _of_tar(file: BinaryIO) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for number, info in enumerate(archive):
            if number > MOST_MEMBERS:
                raise WrongValue(msg("it has more files in it than allowed"))
            if info.isreg() and info.name.lower().endswith((".xml", ".xml.bz2", ".xml.gz")):
                member = archive.extractfile(info)
                if member is not None:
                    buffered = io.BufferedReader(cast(io.RawIOBase, member))
                    yield info.name, _unpacked(cast(BinaryIO, buffered), buffered.peek(8)[:8])


def _unpacked(file: BinaryIO, start: bytes) -> IO[bytes]:
    """A compressed file as its content, anything else as it is."""
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if start.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(file))
    if start.startswith(b"\xfd7zXZ\0"):
        return cast(IO[bytes], lzma.LZMAFile(file))
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(file))
    return file


def _data_of_package(file: BinaryIO) -> BinaryIO:
    """``data.tar`` of a Debian package, unpacked as it is read."""
    file.seek(len(_AR))
    while header := file.read(_AR_HEADER):
        name, size = _ar_header(header)
        if name.startswith("data.tar"):
            inside = io.BufferedReader(Bounded(file, size, whole=False))
            content = _unpacked(cast(BinaryIO, inside), inside.peek(8)[:8])
            return cast(BinaryIO, io.BufferedReader(Bounded(content, _MOST_UNPACKED)))
        file.seek(size + size % 2, io.SEEK_CUR)
    raise WrongValue(msg("it is a package without files"))


def _ar_header(header: bytes) -> tuple[str, int]:
    """Name and size in bytes of a member (ar(5): 60 bytes, text, ended by a grave accent)."""
    size = header[48:58].strip()
    if len(header) != _AR_HEADER or header[58:] != b"`\n" or not size.isdigit():
        raise WrongValue(msg("it is cut off or damaged: {reason}", reason="ar"))
    return header[:16].decode("ascii", "replace").strip().rstrip("/"), int(size)
