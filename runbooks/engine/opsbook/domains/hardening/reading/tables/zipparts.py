"""The parts of an archive that is one document, unpacked within limits and never to disk."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import IO, BinaryIO

_MOST_PARTS = 10_000
_MOST_DIRECTORY = 16 * 2**20
_MOST_PART = 8 * 2**30
_RATIO = 300
_ANY_RATIO = 64 * 2**20
"""Up to here a part may be packed as well as it likes: deflate makes at most 1032 of 1."""

_END = b"PK\x05\x06"
_LOCATOR_64 = b"PK\x06\x07"
_TAIL = 65_557 + 76


class TooMuch(Exception):
    """A limit was passed; ``why`` is said of ``part``."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(why)
        self.part = part
        self.why = why


class Parts:
    """The parts of the zip archive in ``stream``, by name.

    Raises TooMuch, and what :mod:`zipfile` raises for what is not a whole archive.
    """

    def __init__(self, stream: BinaryIO) -> None:
        _refuse_huge_directory(stream)
        self._zip = zipfile.ZipFile(stream)
        self.names = frozenset(self._zip.namelist())

    def open(self, name: str) -> IO[bytes]:
        """Part ``name``, unpacked as it is read. Raises KeyError where there is none."""
        info = self._zip.getinfo(name)
        limit = max(_ANY_RATIO, info.compress_size * _RATIO)
        packed = self._zip.open(info)
        return io.BufferedReader(_Limited(packed, name, min(limit, _MOST_PART)), 65_536)


class _Limited(io.RawIOBase):
    """``stream`` up to ``limit`` bytes, whatever the archive says of its length."""

    def __init__(self, stream: IO[bytes], name: str, limit: int) -> None:
        self._stream = stream
        self._name = name
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise TooMuch(self._name, "unpacks to more than is allowed")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _refuse_huge_directory(stream: BinaryIO) -> None:
    """The whole directory of an archive is read into memory by zipfile, whatever its size."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    at = tail.rfind(_END)
    if at >= 0 and len(tail) - at >= 22:
        entries, directory = struct.unpack("<HI", tail[at + 10 : at + 16])
        if at >= 76 and tail[at - 20 : at].startswith(_LOCATOR_64):  # read where zipfile reads it
            entries, directory = struct.unpack("<QQ", tail[at - 44 : at - 28])
        if entries > _MOST_PARTS or directory > _MOST_DIRECTORY:
            raise TooMuch("", "an archive of more parts than is allowed")
    stream.seek(0)
