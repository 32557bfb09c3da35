"""Frames as a host would send them, and a night's worth of them."""

from __future__ import annotations

import hashlib

import zstandard

from opsbook.domains.logs.model import Source, Stream, Window
from opsbook.domains.logs.port import Night

APP = Source(name="app", files=("/var/log/app.log",), expect_every="1m")


def frame(data: bytes) -> bytes:
    """One frame with a checksum and without a content size, as ``zstd -1`` writes from a pipe."""
    packer = zstandard.ZstdCompressor(level=1, write_checksum=True).compressobj()
    return packer.compress(data) + packer.flush()


def window(data: bytes, start: int, length: int) -> Window:
    """The window of ``data`` at ``start``."""
    return Window(start, length, hashlib.sha256(data[start : start + length]).hexdigest())


def send(night: Night, source: Source, stream: Stream, data: bytes, start: int = 0) -> None:
    """Receive ``data`` as one kept piece of one frame."""
    piece = night.piece(source, stream, start)
    piece.write(frame(data))
    piece.end_frame(len(data))
    piece.keep()
