"""One host's night in the store: pieces come in, then everything is committed or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from opsbook.domains.logs.keep import layout, manifest, streams
from opsbook.domains.logs.keep.commit import Commit
from opsbook.domains.logs.keep.facts import Judged
from opsbook.domains.logs.keep.layout import HostLock
from opsbook.domains.logs.keep.parts import PartFile, StoredPiece
from opsbook.domains.logs.keep.seal import Received, Sealed, Unsound, seal
from opsbook.domains.logs.model import Loss, NightResult, Source, Stream
from opsbook.model.errors import OpsbookError
from opsbook.model.message import Message, msg

if TYPE_CHECKING:
    from opsbook.domains.logs.keep.store import DiskLogStore


class StoredNight:
    """Implements :class:`opsbook.domains.logs.port.Night`. One thread uses it; sealing happens
    in the store's pool while further pieces come in.
    """

    def __init__(
        self,
        store: DiskLogStore,
        host: str,
        run: str,
        sources: Sequence[Source],
        begun: datetime,
        day: str,
        notes: Sequence[Message],
        lock: HostLock,
        sealers: Executor,
    ) -> None:
        self.host, self.run, self.day, self.begun = host, run, day, begun
        self.sources = {source.name: source for source in sources}
        self.notes = list(notes)
        self._store = store
        self._lock = lock
        self._sealers = sealers
        with store.catalogue.reading() as db:
            self._kept = streams.load(db, host)
        self._next = max(self._kept, default=0) + 1
        self._parts: dict[str, PartFile] = {}
        self._pieces: list[StoredPiece] = []
        self._seconds: list[float] = []

    def streams(self) -> list[Stream]:
        """What is already kept of this host."""
        return [kept.stream for kept in self._kept.values()]

    def new_stream(self, source: str) -> Stream:
        """A stream with the next free number."""
        stream = Stream(self._next, source, 1)
        self._next += 1
        return stream

    def piece(self, source: Source, stream: Stream, start: int) -> StoredPiece:
        """Begin receiving bytes of ``stream`` from raw offset ``start``; an open piece of the
        same source is discarded.
        """
        part = self._part(source)
        if part.open_piece is not None:
            part.open_piece.discard()
        piece = StoredPiece(source, stream, start, part, self._sealer(source), part.length)
        part.open_piece = piece
        self._pieces.append(piece)
        return piece

    def _part(self, source: Source) -> PartFile:
        if source.name not in self._parts:
            name = layout.file_name(source.name, self.run)
            final = self._store.hot.file(self.host, self.day, name)
            self._parts[source.name] = PartFile(final, self._store.check_room)
        return self._parts[source.name]

    def _sealer(self, source: Source) -> Callable[[Received], Future[Sealed]]:
        zone = self.zone(source)
        return lambda received: self._sealers.submit(self._timed, received, zone)

    def zone(self, source: Source) -> tzinfo:
        """The time zone of lines that name none."""
        return ZoneInfo(source.timezone) if source.timezone else self._store.estate.zone

    def _timed(self, received: Received, zone: tzinfo) -> Sealed:
        clock = self._store.clock
        begun = clock.monotonic()
        try:
            return seal(received, zone, self.begun)
        finally:
            self._seconds.append(clock.monotonic() - begun)

    def commit(self, streams: Sequence[Stream], losses: Sequence[Loss]) -> NightResult:
        """Make the night count. Raises HostRefused when the store is full; nothing counts then."""
        judged, dropped, notes = self._judge()
        given = {piece.stream.number: piece.stream for piece, _ in judged}
        given |= {stream.number: stream for stream in streams}
        for number in dropped:
            given.pop(number, None)
        commit = Commit(self._store, self, self._kept, [*self.notes, *notes])
        result = commit.make(judged, list(given.values()), losses, dropped, sum(self._seconds))
        self._lock.release()
        return result

    def _judge(self) -> tuple[list[Judged], list[int], list[Message]]:
        """Sealed pieces that may be kept, streams that are dropped, and why."""
        self._wait()
        sealed: list[Judged] = []
        faults: dict[int, Message] = {}
        ends = {number: kept.stream.offset for number, kept in self._kept.items()}
        for piece in self._pieces:
            number = piece.stream.number
            if piece.sealing is None or piece.forgotten or number in faults:
                continue
            try:
                result = piece.sealing.result()
                if piece.start != ends.get(number, 0):
                    raise Unsound(msg("it does not begin where the kept part ends"))
            except Unsound as fault:
                faults[number] = _left_out(piece.stream, fault.reason)
                continue
            ends[number] = piece.start + result.raw_length
            sealed.append((piece, result))
        kept = [(p, s) for p, s in sealed if p.stream.number not in faults and s.raw_length]
        return kept, sorted(faults), list(faults.values())

    def parts(self) -> list[PartFile]:
        """Every file this night received bytes into."""
        return list(self._parts.values())

    def abandon(self) -> None:
        """Leave the store as it was before the night; a night that counts already stays."""
        self._wait()
        try:
            self._remove(counted=self._counts())
        finally:
            self._lock.release()

    def _counts(self) -> bool:
        """Whether the night counts; where that cannot be told, the next night clears up."""
        try:
            return self._store.committed(self.host, self.run) is not None
        except OpsbookError:
            return True

    def _wait(self) -> None:
        wait([piece.sealing for piece in self._pieces if piece.sealing])

    def _remove(self, *, counted: bool) -> None:
        for part in self._parts.values():
            with suppress(OSError):
                part.remove(final=not counted)
        with suppress(OSError):
            self._store.hot.day(self.host, self.day).rmdir()


def _left_out(stream: Stream, reason: Message) -> Message:
    path = manifest.escaped(stream.path) or stream.source
    return msg("{path} was left out this night: {reason}.", path=path, reason=reason)
