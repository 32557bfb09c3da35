"""MemoryLogStore: collected logs kept in a dictionary, night by night."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import zstandard

from opsbook.domains.logs.model import (
    HEAD,
    TAIL,
    Loss,
    NightResult,
    Source,
    SourceTotals,
    Stream,
    Window,
)
from opsbook.domains.logs.times import Recogniser
from opsbook.model.errors import HostRefused
from opsbook.model.message import msg


@dataclass
class Kept:
    """What is kept of one host: streams, their bytes by number, and reported losses."""

    streams: dict[int, Stream] = field(default_factory=dict)
    content: dict[int, bytes] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    results: dict[str, NightResult] = field(default_factory=dict)
    last_number: int = 0


class MemoryLogStore:
    """A :class:`opsbook.domains.logs.port.LogStore`; ``room`` bytes until it is full."""

    def __init__(self, room: int = 1 << 60) -> None:
        self.hosts: dict[str, Kept] = {}
        self.room = room

    def night(self, host: str, run: str, sources: Sequence[Source]) -> MemoryNight:
        """See :meth:`LogStore.night`."""
        return MemoryNight(self, self.hosts.setdefault(host, Kept()), run)

    def committed(self, host: str, run: str) -> NightResult | None:
        """See :meth:`LogStore.committed`."""
        return self.hosts.get(host, Kept()).results.get(run)


class MemoryNight:
    """A :class:`opsbook.domains.logs.port.Night`; nothing counts until ``commit``."""

    def __init__(self, store: MemoryLogStore, kept: Kept, run: str) -> None:
        self._store = store
        self._kept = kept
        self._run = run
        self._number = kept.last_number
        self._pieces: list[MemoryPiece] = []

    def streams(self) -> list[Stream]:
        """See :meth:`Night.streams`."""
        return list(self._kept.streams.values())

    def new_stream(self, source: str) -> Stream:
        """See :meth:`Night.new_stream`."""
        self._number += 1
        return Stream(self._number, source, 1)

    def piece(self, source: Source, stream: Stream, start: int) -> MemoryPiece:
        """See :meth:`Night.piece`."""
        piece = MemoryPiece(self._store, source.name, stream.number, start)
        self._pieces.append(piece)
        return piece

    def commit(self, streams: Sequence[Stream], losses: Sequence[Loss]) -> NightResult:
        """See :meth:`Night.commit`."""
        new = copy.deepcopy(self._kept)
        new.last_number = self._number
        kept = [piece for piece in self._pieces if piece.kept]
        dropped = {piece.number for piece in kept if not piece.proven()}
        for stream in streams:
            if stream.number not in dropped:
                new.streams[stream.number] = stream
        for piece in kept:
            if piece.number not in dropped:
                _append(new, piece)
        new.losses += losses
        totals = tuple(_total(piece) for piece in kept if piece.number not in dropped)
        result = NightResult("2026-11-21", "0" * 64, totals, (), tuple(sorted(dropped)))
        new.results[self._run] = result
        vars(self._kept).update(vars(new))
        return result

    def abandon(self) -> None:
        """See :meth:`Night.abandon`."""
        self._pieces.clear()


class MemoryPiece:
    """A :class:`opsbook.domains.logs.port.Piece`."""

    def __init__(self, store: MemoryLogStore, source: str, number: int, start: int) -> None:
        self.source = source
        self.number = number
        self.start = start
        self.kept = False
        self.stored = 0
        self.frames: list[tuple[bytes, int]] = []
        self._frame = bytearray()
        self._store = store
        self._proofs: Sequence[Window] = ()

    def write(self, data: bytes) -> None:
        """See :meth:`Piece.write`."""
        if len(data) > self._store.room:
            raise HostRefused(msg("The store is full."))
        self._store.room -= len(data)
        self.stored += len(data)
        self._frame += data

    def end_frame(self, raw_length: int) -> None:
        """See :meth:`Piece.end_frame`."""
        self.frames.append((bytes(self._frame), raw_length))
        self._frame.clear()

    def keep(self, proofs: Sequence[Window] = ()) -> None:
        """See :meth:`Piece.keep`."""
        assert not self._frame, "a frame was not ended"
        self.kept, self._proofs = True, proofs

    def discard(self) -> None:
        """See :meth:`Piece.discard`."""
        self.kept = False

    def raw(self) -> bytes:
        """What was received, unpacked."""
        return b"".join(_unpack(frame) for frame, _ in self.frames)

    def proven(self) -> bool:
        """Whether every frame has its length and every proof within the piece holds."""
        if any(len(_unpack(frame)) != length for frame, length in self.frames):
            return False
        data = self.raw()
        for window in self._proofs:
            at = window.start - self.start
            inside = at >= 0 and at + window.length <= len(data)
            if inside and _sha256(data[at : at + window.length]) != window.sha256:
                return False
        return True


def _unpack(frame: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(frame)


def _append(kept: Kept, piece: MemoryPiece) -> None:
    stream, before = kept.streams[piece.number], kept.content.get(piece.number, b"")
    assert piece.start == len(before), "a piece must begin where the stream ends"
    data = before + piece.raw()
    kept.content[piece.number] = data
    tail = max(0, len(data) - TAIL)
    kept.streams[piece.number] = replace(
        stream,
        offset=len(data),
        head=Window(0, len(data[:HEAD]), _sha256(data[:HEAD])),
        tail=Window(tail, len(data) - tail, _sha256(data[tail:])),
        last_line_at=_last_time(data),
    )


def _last_time(data: bytes) -> datetime | None:
    reference = datetime(2030, 1, 1, tzinfo=UTC)
    recogniser = Recogniser.for_sample(data, UTC, reference)
    if recogniser is None:
        return None
    times = [recogniser.time(line) for line in data.split(b"\n")]
    return next((moment for moment in reversed(times) if moment), None)


def _total(piece: MemoryPiece) -> SourceTotals:
    data = piece.raw()
    return SourceTotals(piece.source, len(data), piece.stored, data.count(b"\n"), None, None, 1)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
