"""Stored frames, read back in steps of bounded size.

What a host sent is hostile: the window a frame may ask for, the bytes one step yields and the
length of the whole are bounded before anything is unpacked.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import zstandard

from opsbook.domains.logs.frames import FrameEnd, FrameFault
from opsbook.domains.logs.model import CHUNK
from opsbook.model.message import Message, msg

STEP = 1024 * 1024
"""Raw bytes of one step."""

MOST_WINDOW = 16 * 1024 * 1024
"""The largest window a frame may ask for, in bytes; ``zstd -19`` asks for 8 MiB."""

_READ = 256 * 1024


class Unsound(Exception):
    """Stored bytes are not what they were announced to be."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.english())
        self.reason = reason


class Unpacker:
    """Unpacks frames of a file into one buffer; hashes the stored bytes on the way."""

    def __init__(self, fd: int) -> None:
        self.stored = hashlib.sha256()
        self._fd = fd
        self._buffer = bytearray(STEP)
        self._zstd = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW)

    def frame(self, offset: int, length: int, raw_length: int) -> Iterator[memoryview]:
        """The content of one frame in steps; a step is valid until the next one is asked for.

        Raises Unsound when the frame is damaged, cut, followed by other bytes, or does not
        unpack to ``raw_length`` bytes.
        """
        if not 0 < raw_length <= CHUNK:
            raise Unsound(msg("a frame of {length} bytes", length=raw_length))
        source = _Span(self._fd, offset, length, self.stored)
        left = raw_length
        try:
            reader: Any = self._zstd.stream_reader(source, read_size=_READ)  # type: ignore[arg-type]
            while count := reader.readinto(self._buffer):
                left -= count
                if left < 0:
                    raise Unsound(msg("a frame unpacks to more than its {length} bytes",
                                      length=raw_length))  # fmt: skip
                yield memoryview(self._buffer)[:count]
            source.finish()
        except (zstandard.ZstdError, FrameFault) as error:
            raise Unsound(msg("a damaged frame ({reason})", reason=str(error))) from error
        if left:
            raise Unsound(msg("a frame unpacks to {missing} bytes less than its {length}",
                              missing=left, length=raw_length))  # fmt: skip


class _Span:
    """One frame's bytes in a file, as the source of the streaming unpacker."""

    def __init__(self, fd: int, offset: int, length: int, digest: Any) -> None:
        self._fd = fd
        self._at = offset
        self._left = length
        self._digest = digest
        self._end = FrameEnd()

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; nothing at the end. Raises FrameFault for what is no frame."""
        data = os.pread(self._fd, min(size, self._left), self._at)
        self._at += len(data)
        self._left -= len(data)
        self._digest.update(data)
        if self._end.take(memoryview(data)) < len(data):
            raise FrameFault("bytes after its end")
        return data

    def finish(self) -> None:
        """Read what the unpacker did not ask for. Raises FrameFault when the end is missing."""
        while self._left and self.read(_READ):
            pass
        if self._left or not self._end.done:
            raise FrameFault("its end is missing")


def file_sha256(fd: int) -> str:
    """SHA-256 (hex) of a whole file, read by position."""
    digest, at = hashlib.sha256(), 0
    while data := os.pread(fd, STEP, at):
        digest.update(data)
        at += len(data)
    return digest.hexdigest()
