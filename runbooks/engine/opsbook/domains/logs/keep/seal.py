"""Sealing: what was received is unpacked, checked, hashed, counted and timed before it counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from opsbook.domains.logs.keep.minutes import Coverage, Sampler
from opsbook.domains.logs.keep.unpack import Unpacker, Unsound
from opsbook.domains.logs.model import HEAD, TAIL, Window
from opsbook.domains.logs.times import SAMPLE, Recogniser
from opsbook.model.message import msg

_TRIES = 16


@dataclass(frozen=True, slots=True)
class Frame:
    """One stored frame: ``length`` bytes in the file that unpack to ``raw_length``."""

    length: int
    raw_length: int


@dataclass(frozen=True, slots=True)
class Received:
    """A piece as it lies in ``file`` (a descriptor): frames one after another from ``offset``;
    raw byte ``start`` of its stream comes first.
    """

    file: int
    offset: int
    frames: Sequence[Frame]
    start: int
    proofs: Sequence[Window] = ()


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a piece holds, as found by reading all of it. ``head`` and ``tail`` are its first
    HEAD and last TAIL raw bytes; ``earliest`` and ``latest`` are minutes since 1970.
    """

    raw_length: int
    stored_length: int
    raw_sha256: str
    stored_sha256: str
    lines: int
    first_line_at: datetime | None
    last_line_at: datetime | None
    head: bytes
    tail: bytes
    earliest: int | None = None
    latest: int | None = None
    strange: int = 0
    days: dict[int, int] = field(default_factory=dict)


def seal(received: Received, zone: tzinfo, reference: datetime) -> Sealed:
    """Read the whole piece once. Raises Unsound when it is not what it was announced to be, or
    when a window of ``proofs`` inside it has another hash.

    ``zone`` is for lines that name none; ``reference`` is when they were collected.
    """
    reading = _Reading(received, zone, reference)
    unpacker = Unpacker(received.file)
    offset = received.offset
    for frame in received.frames:
        for data in unpacker.frame(offset, frame.length, frame.raw_length):
            reading.step(data)
        offset += frame.length
    return reading.result(unpacker.stored.hexdigest())


class _Reading:
    """What is gathered while a piece goes by."""

    def __init__(self, received: Received, zone: tzinfo, reference: datetime) -> None:
        self._received = received
        self._zone = zone
        self._reference = reference
        self._raw = hashlib.sha256()
        self._length = 0
        self._lines = 0
        self._head = b""
        self._tail = b""
        self._coverage = Coverage(reference)
        self._sampler: Sampler | None = None
        self._tries = _TRIES
        end = received.start + sum(frame.raw_length for frame in received.frames)
        self._proofs = [
            _Proof(window, received.start)
            for window in received.proofs
            if window.start >= received.start and window.start + window.length <= end
        ]

    def step(self, data: memoryview) -> None:
        """The next raw bytes."""
        self._raw.update(data)
        buffer = data.obj
        assert isinstance(buffer, bytearray)
        length = len(data)
        self._lines += buffer.count(b"\n", 0, length)
        if len(self._head) < HEAD:
            self._head += bytes(data[: HEAD - len(self._head)])
        self._tail = (self._tail + bytes(data[-TAIL:]))[-TAIL:]
        for proof in self._proofs:
            proof.step(data, self._length)
        self._times(buffer, length)
        self._length += length

    def _times(self, buffer: bytearray, length: int) -> None:
        if self._sampler is None and self._tries and length:
            self._tries -= 1
            sample = bytes(buffer[: min(length, SAMPLE)])
            recogniser = Recogniser.for_sample(sample, self._zone, self._reference)
            if recogniser:
                self._sampler = Sampler(recogniser, self._coverage)
        if self._sampler:
            self._sampler.step(buffer, length)

    def result(self, stored_sha256: str) -> Sealed:
        """The whole piece went by. Raises Unsound when a proof does not match."""
        if not all(proof.matches for proof in self._proofs):
            raise Unsound(msg("the file changed while it was read"))
        if self._sampler:
            self._sampler.finish()
        return Sealed(
            raw_length=self._length,
            stored_length=sum(frame.length for frame in self._received.frames),
            raw_sha256=self._raw.hexdigest(),
            stored_sha256=stored_sha256,
            lines=self._lines,
            first_line_at=self._sampler.first if self._sampler else None,
            last_line_at=self._sampler.last if self._sampler else None,
            head=self._head,
            tail=self._tail,
            earliest=self._coverage.earliest,
            latest=self._coverage.latest,
            strange=self._coverage.strange,
            days=self._coverage.days,
        )


class _Proof:
    """A window whose hash is known from the host."""

    def __init__(self, window: Window, start: int) -> None:
        self._from = window.start - start
        self._to = self._from + window.length
        self._expected = window.sha256
        self._digest: Any = hashlib.sha256()

    def step(self, data: memoryview, at: int) -> None:
        """``data`` lies at ``at`` in the piece."""
        part = data[max(0, self._from - at) : max(0, self._to - at)]
        if part:
            self._digest.update(part)

    @property
    def matches(self) -> bool:
        """True when the window has the hash it should have."""
        return bool(self._digest.hexdigest() == self._expected)


def windows(offset: int, head: bytes, tail: bytes) -> tuple[Window | None, Window | None]:
    """Head and tail windows of a stream of which ``offset`` bytes are kept."""
    first = Window(0, len(head), hashlib.sha256(head).hexdigest()) if head else None
    last = Window(offset - len(tail), len(tail), hashlib.sha256(tail).hexdigest()) if tail else None
    return first, last


__all__ = ["Frame", "Received", "Sealed", "Unsound", "seal", "windows"]
