"""Files being received: one per source and night, pieces one after another."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from opsbook.domains.logs.keep import layout
from opsbook.domains.logs.keep.seal import Frame, Received, Sealed
from opsbook.domains.logs.model import Source, Stream, Window

_CHECK_ROOM = 32 * 1024 * 1024
_COPY = 1024 * 1024


class PartFile:
    """``<source>.<run>.zst.part``; ``check_room`` is asked now and then while it grows."""

    def __init__(self, final: Path, check_room: Callable[[], None]) -> None:
        self.final = final
        self.path = final.with_name(final.name + layout.PART)
        self.length = 0
        self.open_piece: StoredPiece | None = None
        self._check_room = check_room
        self._checked = 0
        with self._explained():
            layout.make_private(final.parent)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            self.fd = os.open(self.path, flags, 0o600)

    def _explained(self) -> AbstractContextManager[None]:
        return layout.explained(self.final.parents[2])

    def write(self, data: bytes) -> None:
        """Append."""
        with self._explained():
            view = memoryview(data)
            while view:
                written = os.pwrite(self.fd, view, self.length)
                self.length += written
                view = view[written:]
        if self.length - self._checked >= _CHECK_ROOM:
            self._checked = self.length
            self._check_room()

    def cut(self, length: int) -> None:
        """Forget everything from ``length`` on."""
        os.ftruncate(self.fd, length)
        self.length = length

    def keep_only(self, spans: Sequence[tuple[int, int]]) -> list[int]:
        """Close the gaps between ``(offset, length)``, in order; their new offsets.

        Moves bytes towards the start in place: nobody counts on this file before it is renamed.
        """
        at, offsets = 0, []
        for offset, length in spans:
            offsets.append(at)
            if offset != at:
                self._move(offset, at, length)
            at += length
        self.cut(at)
        return offsets

    def _move(self, source: int, target: int, length: int) -> None:
        with self._explained():
            for done in range(0, length, _COPY):
                data = os.pread(self.fd, min(_COPY, length - done), source + done)
                os.pwrite(self.fd, data, target + done)

    def finish(self) -> None:
        """Make it durable under its final name; the directory is synced by the caller."""
        with self._explained():
            os.fsync(self.fd)
            self.close()
            self.path.rename(self.final)

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def remove(self, *, final: bool = True) -> None:
        """Remove it; also under its ``final`` name."""
        self.close()
        self.path.unlink(missing_ok=True)
        if final:
            self.final.unlink(missing_ok=True)


@dataclass(slots=True)
class StoredPiece:
    """Implements :class:`opsbook.domains.logs.port.Piece`.

    ``sealing`` is the future of its seal once it is kept; ``offset`` is where it begins in the
    file. Of one source only one piece is open at a time: beginning another discards it.
    """

    source: Source
    stream: Stream
    start: int
    part: PartFile
    submit: Callable[[Received], Future[Sealed]]
    offset: int = 0
    frames: list[Frame] = field(default_factory=list)
    sealing: Future[Sealed] | None = None
    in_frame: int = 0
    forgotten: bool = False

    @property
    def length(self) -> int:
        """Stored bytes of its frames."""
        return sum(frame.length for frame in self.frames)

    def write(self, data: bytes) -> None:
        """Append bytes of a frame, verbatim. Raises HostRefused when the store is full."""
        assert self.part.open_piece is self, "the piece is no longer open"
        self.part.write(data)
        self.in_frame += len(data)

    def end_frame(self, raw_length: int) -> None:
        """The bytes written since the last call are one frame that unpacks to ``raw_length``."""
        assert self.part.open_piece is self, "the piece is no longer open"
        if self.in_frame or raw_length:
            self.frames.append(Frame(self.in_frame, raw_length))
        self.in_frame = 0

    def keep(self, proofs: Sequence[Window] = ()) -> None:
        """The piece is complete: sealing begins. A frame that was not ended is cut off."""
        assert self.part.open_piece is self, "the piece is no longer open"
        self.part.cut(self.offset + self.length)
        self.part.open_piece = None
        received = Received(self.part.fd, self.offset, tuple(self.frames), self.start, proofs)
        self.sealing = self.submit(received)

    def discard(self) -> None:
        """Forget the piece, also when it was kept already."""
        self.forgotten = True
        if self.part.open_piece is self:
            self.part.cut(self.offset)
            self.part.open_piece = None
