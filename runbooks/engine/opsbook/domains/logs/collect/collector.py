"""One host's night: survey, plan, read, and hand everything to the store.

A file that changed while it was read is surveyed and planned again, at most twice; what was
read well stays, and what else turned up meanwhile is left to the next night.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from opsbook.domains.logs.collect import losses
from opsbook.domains.logs.collect.agent import sha256
from opsbook.domains.logs.collect.decisions import Copy, Leave, Plan, Take, View
from opsbook.domains.logs.collect.findings import unchanged
from opsbook.domains.logs.collect.planner import SETTLED, plan
from opsbook.domains.logs.collect.survey import (
    Agent,
    Answer,
    Facts,
    Note,
    Question,
    Reading,
    Survey,
    Trailer,
    shown,
    survey,
)
from opsbook.domains.logs.model import HEAD, Loss, Source, Stream, Window
from opsbook.domains.logs.port import Night, Piece
from opsbook.model.message import Message, msg

ATTEMPTS = 3
"""Surveys of one night before a file that keeps changing is left to the next."""


class Watch(Protocol):
    """What the collector needs from its surroundings."""

    def expect(self, raw_bytes: int) -> None:
        """So much is about to be read. Raises HostRefused when there is no room for it."""
        ...

    def advance(self, raw_bytes: int) -> None:
        """So much more was read."""
        ...

    def phase(self, name: str) -> None:
        """``survey`` or ``transfer`` begins."""
        ...

    def host_now(self) -> int:
        """The host's clock now, seconds since 1970."""
        ...


@dataclass(slots=True)
class Outcome:
    """What is to be committed, and what people should know."""

    streams: dict[int, Stream] = field(default_factory=dict)
    losses: dict[int, Loss] = field(default_factory=dict)
    notes: dict[bytes, Note] = field(default_factory=dict)
    deviations: list[Message] = field(default_factory=list)
    files: int = 0
    read: int = 0


class FileCollector:
    """Collects the file sources that share one agent."""

    def __init__(
        self,
        agent: Agent,
        night: Night,
        facts: Facts,
        sources: Sequence[Source],
        watch: Watch,
        outcome: Outcome,
        zones: losses.Zones,
    ) -> None:
        self._agent = agent
        self._night = night
        self._facts = facts
        self._sources = {source.name: source for source in sources}
        self._watch = watch
        self._outcome = outcome
        self._zones = zones
        self._streams = tuple(night.streams())
        self._stored = {stream.number: stream for stream in self._streams}
        self._known: dict[Question, Answer] = {}
        self._made: dict[tuple[int, int], Stream] = {}
        self._ends: dict[int, int] = {}
        self._failed_files: set[tuple[int, int]] = set()
        self._failed_streams: set[int] = set()

    def collect(self) -> None:
        """Everything of this night. What it found is in the outcome."""
        for attempt in range(ATTEMPTS):
            self._watch.phase("survey")
            seen, made = self._look(trust=attempt == 0, last=attempt == ATTEMPTS - 1)
            if attempt == 0:
                self._miss_sources(seen)
                self._outcome.files += len(seen.files)
                self._watch.expect(sum(take.end - take.start for take in made.takes))
            self._watch.phase("transfer")
            again = attempt > 0
            self._carry_out(seen, made, again)
            if not self._failed_files:
                break
        for key in self._failed_files:
            self._note_restless(seen, key)
        self._tell_unread([leave for leave in made.left if leave.again])

    def _miss_sources(self, seen: Survey) -> None:
        """A declared source without a single file is somebody's mistake: here or on the host."""
        found = {name for file in seen.files for name in file.sources}
        for name in sorted(self._sources.keys() - found):
            patterns = " ".join(self._sources[name].files)
            self._outcome.deviations.append(
                msg("{source}: no file matches {patterns}.", source=name, patterns=patterns)
            )

    def _tell_unread(self, left: Sequence[Leave]) -> None:
        """Files that were there and could not be read are more than a note."""
        if left:
            self._outcome.deviations.append(
                msg("Files that were there and could not be read: {number}, {path} among them.",
                    number=len(left), path=shown(left[0].file.path))
            )  # fmt: skip

    def _look(self, *, trust: bool, last: bool) -> tuple[Survey, Plan]:
        """A survey and its plan; once more when files moved between the two."""
        for try_again in (True, False):
            seen = survey(self._agent, self._sources.values(), self._watch.host_now())
            made = self._plan(seen, trust)
            if not try_again or last or not any(leave.again for leave in made.left):
                break
        return seen, made

    def _plan(self, seen: Survey, trust: bool) -> Plan:
        self._known = {}
        while True:
            view = View(
                seen, self._streams, frozenset(self._sources), self._facts.tools, self._known, trust
            )
            result = plan(view)
            if isinstance(result, Plan):
                return result
            self._known.update(self._agent.ask(result))

    def _carry_out(self, seen: Survey, made: Plan, again: bool) -> None:
        """With ``again`` only what failed before is done."""
        files, streams = self._failed_files, self._failed_streams
        self._failed_files, self._failed_streams = set(), set()
        self._forget_reused(made.takes)
        takes = [
            take
            for take in made.takes
            if not again
            or take.file.key in files
            or (take.stream is not None and take.stream.number in streams)
        ]
        trailers = {take.file.index: self._take(take, seen) for take in takes}
        gaps = [gap for gap in made.gaps if not again or gap.stream.number in streams]
        for gap in gaps:
            self._outcome.losses[gap.stream.number] = losses.bound(
                gap, self._zones, trailers, self._known, seen.now
            )
        for stream in made.gone:
            if not again or stream.number in streams:
                self._put(replace(stream, device=0, inode=0, ended=True))
        self._remember(seen, made.copies)
        self._outcome.notes.update((note.path, note) for note in seen.notes)
        self._note_left(made.left)

    def _forget_reused(self, takes: Sequence[Take]) -> None:
        """A new file may have the inode of one that carried a stream when we first looked."""
        for take in takes:
            former = self._made.get(take.file.key)
            if take.stream is None and former is not None and former.number in self._stored:
                del self._made[take.file.key]

    # --- reading

    def _take(self, take: Take, seen: Survey) -> Trailer | None:
        """Read what is new of one file; None when that failed."""
        stream = take.stream or self._new_stream(take)
        if take.stream is not None and take.start == take.end and unchanged(take.file, stream):
            self._ends[stream.number] = take.end
            self._carry(take, stream, seen)
            return None
        source = self._sources[self._owner(take, stream)]
        stream = replace(stream, source=source.name)
        if take.kind != "plain" and take.start == take.end:
            self._carry(take, stream, seen)
            return None
        piece = _LazyPiece(lambda: self._night.piece(source, stream, take.start), self._watch)
        trailer = self._agent.read(_reading(take, stream), piece)
        if self._is_wrong(take, stream, trailer):
            piece.discard()
            self._fail(take, stream)
            return None
        piece.keep(_proofs(take, trailer))
        self._outcome.read += trailer.end > trailer.start
        self._ends[stream.number] = trailer.end
        self._made[take.file.key] = stream
        if trailer.end == 0 and trailer.head:
            stream = replace(stream, head=Window(0, len(trailer.head), sha256(trailer.head)))
        self._carry(take, stream, seen)
        return trailer

    def _owner(self, take: Take, stream: Stream) -> str:
        """A stream stays with its source while that source matches its file."""
        known = take.stream is not None and stream.source in take.file.sources
        return stream.source if known else take.file.sources[0]

    def _new_stream(self, take: Take) -> Stream:
        """One per file and night, also when reading it has to be tried again."""
        made = self._made.get(take.file.key)
        if made is not None:
            return made
        stream = self._night.new_stream(take.file.sources[0])
        if take.before is not None:
            stream = replace(stream, generation=take.before.generation + 1)
        self._made[take.file.key] = stream
        return stream

    @staticmethod
    def _is_wrong(take: Take, stream: Stream, trailer: Trailer) -> bool:
        if trailer.trouble:
            return True
        if take.kind != "plain":
            return (trailer.size, trailer.mtime) != (take.file.size, take.file.mtime)
        if take.start == 0:
            return False
        return not (
            _same(stream.head, trailer.head)
            and _same(stream.tail, trailer.before)
        )  # fmt: skip

    def _fail(self, take: Take, stream: Stream) -> None:
        self._failed_files.add(take.file.key)
        if take.stream is not None:
            self._failed_streams.add(stream.number)
            self._outcome.streams.pop(stream.number, None)

    def _carry(self, take: Take, stream: Stream, seen: Survey) -> None:
        """``stream`` is carried by this file now."""
        file = take.file
        if take.kind == "plain":
            settled = seen.now - file.ctime > SETTLED
            stream = replace(
                stream, path=file.path, device=file.device, inode=file.inode, size=file.size,
                mtime=file.mtime, ctime=file.ctime if settled else 0, ended=take.ended,
            )  # fmt: skip
        else:
            packed = (*(p for p in stream.packed if p != file.seen), file.seen)
            stream = replace(
                stream, path=file.path, device=0, inode=0, size=take.end, mtime=file.mtime,
                ctime=0, ended=True, packed=packed,
            )  # fmt: skip
        self._put(stream)

    def _put(self, stream: Stream) -> None:
        """To be committed, unless nothing about it changed."""
        if stream != self._stored.get(stream.number) or stream.number in self._outcome.streams:
            self._outcome.streams[stream.number] = stream

    # --- copies and notes

    def _remember(self, seen: Survey, copies: Sequence[Copy]) -> None:
        """Copies that hold nothing beyond what is kept need not be looked into again."""
        present = {file.seen for file in seen.files}
        for copy in copies:
            if copy.length == 0:
                continue
            stream = self._stream_of(copy)
            self._outcome.notes[copy.file.path] = _copy_note(copy, stream)
            if stream is not None and copy.length <= self._ends.get(stream.number, -1):
                packed = (*stream.packed, copy.file.seen)
                self._put(replace(stream, packed=packed))
        for stream in (*self._streams, *self._outcome.streams.values()):
            if stream.source in self._sources:
                now = self._outcome.streams.get(stream.number, stream)
                kept = tuple(dict.fromkeys(p for p in now.packed if p in present))
                if kept != now.packed:
                    self._put(replace(now, packed=kept))

    def _stream_of(self, copy: Copy) -> Stream | None:
        if copy.stream is not None:
            return self._outcome.streams.get(copy.stream.number, copy.stream)
        made = self._made.get(copy.original.key) if copy.original else None
        return self._outcome.streams.get(made.number) if made else None

    def _note_left(self, left: Sequence[Leave]) -> None:
        for leave in left:
            self._outcome.notes[leave.file.path] = Note(leave.file.path, leave.reason)

    def _note_restless(self, seen: Survey, key: tuple[int, int]) -> None:
        for file in seen.files:
            if file.key == key:
                reason = msg("it changed whenever it was read; left to the next night")
                self._outcome.notes[file.path] = Note(file.path, reason)


def _reading(take: Take, stream: Stream) -> Reading:
    head = before = 0
    if take.kind == "plain" and take.start:
        head = stream.head.length if stream.head else 0
        before = stream.tail.length if stream.tail else 0
    elif take.kind == "plain":
        head = min(HEAD, take.end)
    return Reading(take.file.index, take.kind, take.start, take.end, not take.whole, head, before)


def _same(window: Window | None, data: bytes) -> bool:
    return window is None or sha256(data) == window.sha256


def _proofs(take: Take, trailer: Trailer) -> list[Window]:
    """What the store must find in the piece: the file as it was after it had been read."""
    proofs = []
    if take.start == 0 and trailer.head and len(trailer.head) <= trailer.end:
        proofs.append(Window(0, len(trailer.head), sha256(trailer.head)))
    if trailer.last:
        start = trailer.end - len(trailer.last)
        proofs.append(Window(start, len(trailer.last), sha256(trailer.last)))
    return proofs


def _copy_note(copy: Copy, stream: Stream | None) -> Note:
    original = copy.original.path if copy.original else (stream.path if stream else b"")
    return Note(copy.file.path, msg("a copy of {path}", path=shown(original)))


class _LazyPiece:
    """A piece that begins with its first byte, so that nothing new leaves nothing behind."""

    def __init__(self, begin: Callable[[], Piece], watch: Watch) -> None:
        self._begin = begin
        self._watch = watch
        self._piece: Piece | None = None

    def write(self, data: bytes) -> None:
        if self._piece is None:
            self._piece = self._begin()
        self._piece.write(data)

    def end_frame(self, raw_length: int) -> None:
        if self._piece is not None:
            self._piece.end_frame(raw_length)
            self._watch.advance(raw_length)

    def keep(self, proofs: Sequence[Window] = ()) -> None:
        if self._piece is not None:
            self._piece.keep(proofs)

    def discard(self) -> None:
        if self._piece is not None:
            self._piece.discard()


class FlowCollector:
    """Collects journald and commands: sources that are not files."""

    def __init__(self, agent: Agent, night: Night, watch: Watch, outcome: Outcome) -> None:
        self._agent = agent
        self._night = night
        self._watch = watch
        self._outcome = outcome

    def journal(self, source: Source, now: int) -> None:
        """Everything journald has after the cursor of last time."""
        stream = next(self._streams(source), None) or self._night.new_stream(source.name)
        piece = _LazyPiece(lambda: self._night.piece(source, stream, stream.offset), self._watch)
        end = self._agent.journal(source.journal or (), stream.cursor, piece)
        if end is None:
            self._deviation(msg("{source}: the host has no journald", source=source.name))
            return
        if end.status != 0:
            self._deviation(msg("{source}: journalctl ended with {status}", source=source.name,
                                status=end.status))  # fmt: skip
        piece.keep()
        self._outcome.read += end.raw_bytes > 0
        if end.vacuumed:
            self._outcome.losses[stream.number] = losses.vacuumed(source, stream, now)
        if end.raw_bytes or end.cursor != stream.cursor:
            self._outcome.streams[stream.number] = replace(stream, cursor=end.cursor)

    def _streams(self, source: Source) -> Iterator[Stream]:
        found = [s for s in self._night.streams() if s.source == source.name and s.cursor]
        yield from sorted(found, key=lambda stream: -stream.number)

    def command(self, source: Source) -> None:
        """A command's whole output, as a stream of its own."""
        stream = replace(self._night.new_stream(source.name), ended=True)
        piece = _LazyPiece(lambda: self._night.piece(source, stream, 0), self._watch)
        end = self._agent.command(source.command or "", piece)
        piece.keep()
        self._outcome.read += end.raw_bytes > 0
        if end.raw_bytes:
            self._outcome.streams[stream.number] = stream
        if end.status != 0:
            self._deviation(msg("{source}: the command ended with {status}", source=source.name,
                                status=end.status))  # fmt: skip

    def _deviation(self, message: Message) -> None:
        self._outcome.deviations.append(message)
