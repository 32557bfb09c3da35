"""Making a night count: files, then one transaction, then the manifest."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from opsbook.domains.logs.keep import layout, manifest, streams
from opsbook.domains.logs.keep.catalogue import to_json
from opsbook.domains.logs.keep.completeness import every_minutes, judge
from opsbook.domains.logs.keep.facts import (
    Judged,
    by_source,
    completeness_json,
    stamp_or_none,
    totals,
)
from opsbook.domains.logs.keep.minutes import minute_of
from opsbook.domains.logs.keep.parts import PartFile, StoredPiece
from opsbook.domains.logs.keep.seal import Sealed, windows
from opsbook.domains.logs.keep.streams import Kept
from opsbook.domains.logs.keep.unpack import file_sha256
from opsbook.domains.logs.model import (
    HEAD,
    TAIL,
    Completeness,
    Loss,
    NightResult,
    Source,
    Stream,
)
from opsbook.model.clock import stamp
from opsbook.model.errors import OpsbookError
from opsbook.model.message import Message, msg

if TYPE_CHECKING:
    from opsbook.domains.logs.keep.night import StoredNight
    from opsbook.domains.logs.keep.store import DiskLogStore

_RESULT = TypeAdapter(NightResult)


class Commit:
    """One commit of one night. Not reusable."""

    def __init__(
        self,
        store: DiskLogStore,
        night: StoredNight,
        kept: Mapping[int, Kept],
        notes: Sequence[Message],
    ) -> None:
        self._store = store
        self._night = night
        self._kept = kept
        self._notes = list(notes)
        self._ends = store.clock.now()

    def make(
        self,
        judged: Sequence[Judged],
        given: Sequence[Stream],
        losses: Sequence[Loss],
        dropped: Sequence[int],
        seconds: float,
    ) -> NightResult:
        """Everything, durably, or nothing. Raises HostRefused when the store is full."""
        self._note_strange(judged)
        offsets = self._place(judged)
        files = self._finish_files(judged)
        with self._store.catalogue.writing() as db:
            self._insert_files(db, files)
            self._insert_pieces(db, judged, offsets, given)
            self._insert_streams(db, judged, given)
            complete = self._judge(db, judged)
            self._insert_night(db, losses, complete)
            result = NightResult(
                day=self._night.day,
                manifest_sha256=self._insert_day(db),
                totals=totals(judged),
                completeness=tuple(complete),
                dropped=tuple(dropped),
                seal_seconds=seconds,
                notes=tuple(self._notes),
            )
            db.execute(
                "UPDATE nights SET result = ? WHERE host = ? AND run = ?",
                (_RESULT.dump_json(result).decode(), self._night.host, self._night.run),
            )
        return self._with_manifest(result)

    def _with_manifest(self, result: NightResult) -> NightResult:
        """The night counts already: a manifest that cannot be written now is written later."""
        try:
            self._store.write_manifest(self._night.host, self._night.day)
        except OpsbookError as error:
            late = msg("The manifest could not be written yet: {reason}",
                       reason=error.problem)  # fmt: skip
            return replace(result, notes=(*result.notes, late))
        return result

    def _note_strange(self, judged: Sequence[Judged]) -> None:
        for source, pieces in by_source(judged).items():
            strange = sum(sealed.strange for _, sealed in pieces)
            if strange:
                self._notes.append(
                    msg("{source} has lines whose time is far from today; they are kept, but do"
                        " not count for completeness.", source=source)
                )  # fmt: skip

    def _place(self, judged: Sequence[Judged]) -> dict[int, int]:
        """Close the gaps that dropped pieces left; where each piece (by identity) begins now."""
        offsets: dict[int, int] = {}
        for part in self._night.parts():
            pieces = [piece for piece, _ in judged if piece.part is part]
            starts = part.keep_only([(piece.offset, piece.length) for piece in pieces])
            offsets |= {id(piece): at for piece, at in zip(pieces, starts, strict=True)}
        return offsets

    def _finish_files(self, judged: Sequence[Judged]) -> list[tuple[PartFile, Source, str]]:
        """Make files with pieces durable, remove the others; their sources and SHA-256."""
        done = []
        for part in self._night.parts():
            pieces = [(piece, sealed) for piece, sealed in judged if piece.part is part]
            if not pieces:
                part.remove()
                continue
            sha256 = pieces[0][1].stored_sha256 if len(pieces) == 1 else file_sha256(part.fd)
            part.finish()
            done.append((part, pieces[0][0].source, sha256))
        if done:
            with layout.explained(self._store.hot.root):
                layout.sync_directory(done[0][0].final.parent)
        return done

    def _insert_files(
        self, db: sqlite3.Connection, files: Sequence[tuple[PartFile, Source, str]]
    ) -> None:
        night = self._night
        db.executemany(
            "INSERT INTO files (host, day, name, source, run, length, sha256)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (night.host, night.day, part.final.name, source.name, night.run, part.length, sha)
                for part, source, sha in files
            ],
        )

    def _insert_pieces(
        self,
        db: sqlite3.Connection,
        judged: Sequence[Judged],
        offsets: Mapping[int, int],
        given: Sequence[Stream],
    ) -> None:
        paths = {stream.number: stream.path for stream in given}
        for piece, sealed in judged:
            row = self._piece_row(piece, sealed)
            row |= {"offset": offsets[id(piece)], "path": paths[piece.stream.number]}
            names = ", ".join(row)
            places = ", ".join(f":{name}" for name in row)
            db.execute(f"INSERT INTO pieces ({names}) VALUES ({places})", row)  # noqa: S608  # our own column names

    def _piece_row(self, piece: StoredPiece, sealed: Sealed) -> dict[str, Any]:
        return {
            "host": self._night.host,
            "day": self._night.day,
            "file": piece.part.final.name,
            "length": sealed.stored_length,
            "stored_sha256": sealed.stored_sha256,
            "frames": to_json([[frame.length, frame.raw_length] for frame in piece.frames]),
            "stream": piece.stream.number,
            "source": piece.source.name,
            "encoding": piece.source.encoding,
            "timezone": str(self._night.zone(piece.source)),
            "sensitivity": piece.source.sensitivity,
            "start": piece.start,
            "raw_length": sealed.raw_length,
            "raw_sha256": sealed.raw_sha256,
            "lines": sealed.lines,
            "first_line_at": stamp_or_none(sealed.first_line_at),
            "last_line_at": stamp_or_none(sealed.last_line_at),
            "earliest": sealed.earliest,
            "latest": sealed.latest,
            "cut_line": int(not sealed.tail.endswith(b"\n")),
        }

    def _insert_streams(
        self, db: sqlite3.Connection, judged: Sequence[Judged], given: Sequence[Stream]
    ) -> None:
        parts: dict[int, list[Sealed]] = defaultdict(list)
        for piece, sealed in judged:
            parts[piece.stream.number].append(sealed)
        for stream in given:
            before = self._kept.get(stream.number)
            streams.save(db, self._night.host, _grown(stream, before, parts[stream.number]))

    def _judge(self, db: sqlite3.Connection, judged: Sequence[Judged]) -> list[Completeness]:
        found = by_source(judged)
        return [
            self._judge_source(db, source, [sealed for _, sealed in found.get(source.name, ())])
            for source in self._night.sources.values()
        ]

    def _judge_source(
        self, db: sqlite3.Connection, source: Source, pieces: Sequence[Sealed]
    ) -> Completeness:
        host, until = self._night.host, minute_of(self._night.begun)
        for sealed in pieces:
            streams.add_minutes(db, host, source.name, sealed.days)
        days = streams.minutes(db, host, source.name)
        row = db.execute(
            "SELECT since, until FROM judged WHERE host = ? AND source = ?", (host, source.name)
        ).fetchone()
        first = min(streams.first_minute(days, until), until)
        since = row["until"] if row else first
        every = every_minutes(source.expect_every)
        zone = self._night.zone(source)
        if row or days:
            db.execute(
                "INSERT OR REPLACE INTO judged VALUES (?, ?, ?, ?, ?, ?)",
                (host, source.name, row["since"] if row else first, max(since, until), every,
                 str(zone)),
            )  # fmt: skip
        return judge(source.name, days, since, until, every, zone)

    def _insert_night(
        self, db: sqlite3.Connection, losses: Sequence[Loss], complete: Sequence[Completeness]
    ) -> None:
        facts = {
            "losses": [loss.to_json() for loss in losses],
            "completeness": [completeness_json(each) for each in complete],
            "notes": [note.to_json() for note in self._notes],
        }
        db.execute(
            "INSERT INTO nights (host, run, day, started_at, committed_at, facts)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (self._night.host, self._night.run, self._night.day, stamp(self._night.begun),
             stamp(self._ends), to_json(facts)),
        )  # fmt: skip

    def _insert_day(self, db: sqlite3.Connection) -> str:
        """The day's row and the hash of its manifest, as it is with this night in it."""
        host, day = self._night.host, self._night.day
        previous = db.execute(
            "SELECT day, manifest_sha256 FROM days WHERE host = ? AND day < ?"
            " ORDER BY day DESC LIMIT 1",
            (host, day),
        ).fetchone()
        db.execute(
            "INSERT OR IGNORE INTO days (host, day, timezone, previous_day, previous_sha256,"
            " manifest_sha256) VALUES (?, ?, ?, ?, ?, '')",
            (host, day, self._store.estate.timezone, *(previous or (None, None))),
        )
        sha256 = manifest.digest(manifest.render(db, host, day))
        db.execute(
            "UPDATE days SET manifest_sha256 = ?, written = 0 WHERE host = ? AND day = ?",
            (sha256, host, day),
        )
        return sha256


def _grown(stream: Stream, before: Kept | None, parts: Sequence[Sealed]) -> Kept:
    """``stream`` with offset, windows and last time as they are after ``parts``; as it is given
    while nothing of it is kept.
    """
    offset = before.stream.offset if before else 0
    head = before.head if before else b""
    tail = before.tail if before else b""
    last = before.stream.last_line_at if before else None
    for sealed in parts:
        if len(head) == offset:
            head = (head + sealed.head)[:HEAD]
        tail = (tail + sealed.tail)[-TAIL:]
        last = sealed.last_line_at or last
        offset += sealed.raw_length
    if offset == 0:
        return Kept(replace(stream, offset=0), b"", b"")
    first, end = windows(offset, head, tail)
    if before and not parts:
        first, end = before.stream.head, before.stream.tail
    first = first or (before.stream.head if before else None)
    grown = replace(stream, offset=offset, head=first, tail=end, last_line_at=last)
    return Kept(grown, head, tail)
