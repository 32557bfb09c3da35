"""The parts of an archive that is one document, unpacked within limits and never to disk."""

from __future__ import annotations

import errno
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from opsbook.domains.hardening.reading.zipdirectory import size_of_directory

_MOST_PARTS = 10_000
_MOST_DIRECTORY = 16 * 2**20
_MOST_PART = 8 * 2**30
_RATIO = 300
_ANY_RATIO = 64 * 2**20
"""Up to here a part may be packed as well as it likes: deflate makes at most 1032 of 1."""


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
        members, directory = size_of_directory(stream)
        if members > _MOST_PARTS or directory > _MOST_DIRECTORY:
            raise TooMuch("", "an archive of more parts than is allowed")
        with _places_in_it():
            self._zip = zipfile.ZipFile(stream)
        self.names = frozenset(self._zip.namelist())

    def open(self, name: str) -> IO[bytes]:
        """Part ``name``, unpacked as it is read. Raises KeyError where there is none."""
        info = self._zip.getinfo(name)
        limit = max(_ANY_RATIO, info.compress_size * _RATIO)
        with _places_in_it():
            packed = self._zip.open(info)
        return io.BufferedReader(_Limited(packed, name, min(limit, _MOST_PART)), 65_536)


@contextmanager
def _places_in_it() -> Iterator[None]:
    """An archive that names a place before its own beginning is damaged, not the disk."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise zipfile.BadZipFile from error


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
