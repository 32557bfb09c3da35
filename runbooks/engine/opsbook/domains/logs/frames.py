"""Where a zstd frame ends, found by walking its block headers (RFC 8878) without unpacking."""

from __future__ import annotations

MAGIC = b"\x28\xb5\x2f\xfd"
_BLOCK_HEADER = 3
_RLE = 1
_RESERVED = 3


class FrameFault(Exception):
    """The bytes are not a zstd frame."""


class FrameEnd:
    """Takes one frame in pieces of any size; remembers at most a header of 18 bytes."""

    def __init__(self) -> None:
        self.done = False
        self._skip = 0
        self._header = bytearray()
        self._need = len(MAGIC) + 1
        self._in_blocks = False
        self._last_block = False
        self._checksum = False

    def take(self, data: memoryview) -> int:
        """How many bytes from the start of ``data`` belong to the frame. Raises FrameFault."""
        at = 0
        while at < len(data) and not self.done:
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                self._end_if_over()
                continue
            step = min(self._need - len(self._header), len(data) - at)
            self._header += data[at : at + step]
            at += step
            if len(self._header) == self._need:
                self._read_header()
        return at

    def _end_if_over(self) -> None:
        if self._in_blocks and self._last_block and not self._skip:
            self.done = True

    def _read_header(self) -> None:
        if self._in_blocks:
            self._read_block()
        elif self._need == len(MAGIC) + 1:
            self._read_frame()
        else:
            self._begin_blocks()

    def _read_frame(self) -> None:
        if self._header[:4] != MAGIC:
            raise FrameFault("no zstd magic number")
        descriptor = self._header[4]
        single = descriptor >> 5 & 1
        self._checksum = bool(descriptor >> 2 & 1)
        content_size = (single, 2, 4, 8)[descriptor >> 6]
        dictionary = (0, 1, 2, 4)[descriptor & 3]
        rest = (1 - single) + dictionary + content_size
        if rest:
            self._need += rest
        else:
            self._begin_blocks()

    def _begin_blocks(self) -> None:
        self._in_blocks = True
        self._header.clear()
        self._need = _BLOCK_HEADER

    def _read_block(self) -> None:
        value = int.from_bytes(self._header, "little")
        self._header.clear()
        self._last_block = bool(value & 1)
        kind, size = value >> 1 & 3, value >> 3
        if kind == _RESERVED:
            raise FrameFault("a block of a reserved kind")
        self._skip = 1 if kind == _RLE else size
        if self._last_block and self._checksum:
            self._skip += 4
        self._end_if_over()
