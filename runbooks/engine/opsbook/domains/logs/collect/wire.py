"""Reading an agent's answers off a session: lines, names, and packed blocks of three kinds.

A block is a zstd frame, a gzip member, or raw bytes of a length both sides know. zstd frames go
to the store as they are; the others are unpacked and packed again here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Literal

import zstandard

from opsbook.domains.logs.frames import FrameEnd, FrameFault
from opsbook.domains.logs.model import CHUNK
from opsbook.domains.logs.port import Piece
from opsbook.execution.reach.transport import IDLE_SECONDS, READ, Session
from opsbook.model.errors import HostFailed
from opsbook.model.message import msg

Packer = Literal["zstd", "gzip", "none"]
_STEP = 256 * 1024
_MOST_WINDOW = 8 * 1024 * 1024


class Garbled(Exception):
    """The host's answer does not follow the protocol."""


class Wire:
    """Buffered reading from ``session``; ``tick`` hears of every batch of bytes received."""

    def __init__(self, session: Session, tick: Callable[[int], None]) -> None:
        self.idle = IDLE_SECONDS
        self.received = 0
        self._session = session
        self._tick = tick
        self._rest = memoryview(b"")

    def send(self, lines: list[str]) -> None:
        """Send requests, one per line."""
        self._session.send("".join(line + "\n" for line in lines).encode())

    def some(self) -> memoryview:
        """What has been received and not used; waits when there is nothing."""
        if not self._rest:
            data = self._session.receive(READ, self.idle)
            if not data:
                raise self._session.fault()
            self.received += len(data)
            self._tick(len(data))
            self._rest = memoryview(data)
        return self._rest

    def use(self, count: int) -> None:
        """The first ``count`` bytes of :meth:`some` are used."""
        self._rest = self._rest[count:]

    def until(self, end: bytes, most: int) -> bytes:
        """Bytes before the next ``end`` (one byte), which is used up. Raises Garbled."""
        found = bytearray()
        while len(found) <= most:
            data = bytes(self.some()[:4096])
            at = data.find(end)
            if at >= 0:
                self.use(at + 1)
                return bytes(found + data[:at])
            found += data
            self.use(len(data))
        raise Garbled("an answer without an end")

    def words(self) -> list[str]:
        """The next line as words."""
        return self.until(b"\n", 65536).decode("ascii", "replace").split(" ")

    def drain(self, greeting: bytes) -> list[str]:
        """Skip what the host prints at login, up to the line that begins with ``greeting``."""
        for _ in range(1000):
            line = self.until(b"\n", 65536)
            if line.startswith(greeting):
                return line.decode("ascii", "replace").split(" ")
        raise Garbled("no greeting")

    def frame(self) -> Iterator[memoryview]:
        """The bytes of exactly one zstd frame. Raises Garbled."""
        end = FrameEnd()
        while not end.done:
            data = self.some()
            try:
                count = end.take(data)
            except FrameFault as error:
                raise Garbled(str(error)) from error
            yield data[:count]
            self.use(count)

    def raw(self, length: int) -> Iterator[memoryview]:
        """Exactly ``length`` bytes."""
        while length:
            data = self.some()[:length]
            length -= len(data)
            yield data
            self.use(len(data))

    def unpacked(self, packer: Packer, length: int) -> Iterator[bytes]:
        """The content of one block, in steps of bounded size. Raises Garbled."""
        if packer == "zstd":
            yield from self._unpacked_zstd()
        elif packer == "gzip":
            yield from self._unpacked_gzip()
        else:
            yield from (bytes(data) for data in self.raw(length))

    def _unpacked_zstd(self) -> Iterator[bytes]:
        source = _FrameSource(self.frame())
        unpacker = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
        try:
            with unpacker.stream_reader(source, read_size=_STEP) as reader:  # type: ignore[arg-type]
                while data := reader.read(_STEP):
                    yield data
        except zstandard.ZstdError as error:
            raise Garbled(str(error)) from error
        source.finish()

    def _unpacked_gzip(self) -> Iterator[bytes]:
        unpacker, pending = zlib.decompressobj(31), False
        try:
            while not unpacker.eof:
                data = memoryview(b"") if pending else self.some()
                out = unpacker.decompress(data, _STEP)
                pending = len(out) == _STEP and not unpacker.unconsumed_tail
                left = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                self.use(len(data) - len(left))
                if out:
                    yield out
        except zlib.error as error:
            raise Garbled(str(error)) from error

    def block(self, packer: Packer, length: int) -> bytes:
        """A small block as a whole; more than ``length`` bytes are not kept."""
        found = bytearray()
        for data in self.unpacked(packer, length):
            found += data[: max(0, length - len(found))]
        return bytes(found)

    def store_block(self, packer: Packer, length: int, piece: Piece) -> int:
        """One block of ``length`` raw bytes into ``piece``; how many raw bytes it really had
        where that is known here (a zstd frame is only checked when it is sealed).
        """
        if packer != "zstd":
            return self.repack(packer, length, piece)
        for data in self.frame():
            piece.write(bytes(data))
        piece.end_frame(length)
        return length

    def repack(self, packer: Packer, length: int, piece: Piece) -> int:
        """One block of any raw length into frames of at most CHUNK bytes; its raw length."""
        frames = _Repacker(piece)
        for data in self.unpacked(packer, length):
            frames.add(data)
        return frames.finish()


class _FrameSource:
    """The bytes of a frame as a file, for the streaming unpacker."""

    def __init__(self, parts: Iterator[memoryview]) -> None:
        self._parts = parts
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; nothing at the end of the frame."""
        if not self._rest:
            self._rest = bytes(next(self._parts, b""))
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def finish(self) -> None:
        """Use up what the unpacker did not ask for."""
        for _ in self._parts:
            pass


class _Repacker:
    """Packs raw bytes into frames of at most CHUNK raw bytes."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        self._total = 0
        self._in_frame = 0
        self._begin()

    def _begin(self) -> None:
        packer = zstandard.ZstdCompressor(level=1, write_checksum=True)
        self._frame = packer.compressobj()
        self._in_frame = 0

    def add(self, data: bytes) -> None:
        """Take raw bytes."""
        while data:
            part, data = data[: CHUNK - self._in_frame], data[CHUNK - self._in_frame :]
            self._in_frame += len(part)
            self._total += len(part)
            if packed := self._frame.compress(part):
                self._piece.write(packed)
            if self._in_frame == CHUNK:
                self._end()

    def _end(self) -> None:
        self._piece.write(self._frame.flush())
        self._piece.end_frame(self._in_frame)
        self._begin()

    def finish(self) -> int:
        """End the last frame; how many raw bytes there were in all."""
        if self._in_frame:
            self._end()
        return self._total


def garbled(host: str, error: Garbled) -> HostFailed:
    """The fault of a host that answers in a way we do not understand."""
    return HostFailed(
        msg("{host} gave an answer that cannot be understood: {reason}", host=host,
            reason=str(error)),
        untouched=msg("Nothing of this night is kept; what was stored before is untouched."),
    )  # fmt: skip
