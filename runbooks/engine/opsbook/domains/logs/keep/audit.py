"""Checking a store: every manifest, the chain between days, every file, every frame."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsbook.domains.logs.keep import manifest, stored
from opsbook.domains.logs.keep.anchors import Anchors
from opsbook.domains.logs.keep.layout import Tier
from opsbook.domains.logs.keep.store import DiskLogStore
from opsbook.domains.logs.keep.stored import StoredFile, StoredSpan
from opsbook.domains.logs.keep.unpack import Unpacker, Unsound, file_sha256
from opsbook.model.canonical import parse
from opsbook.model.message import Message, msg


@dataclass(slots=True)
class Audited:
    """What was checked. ``fault`` is the first thing that does not verify.

    ``anchored`` is how many days were also compared with what the ledger recorded.
    """

    hosts: int = 0
    days: int = 0
    files: int = 0
    frames: int = 0
    raw_bytes: int = 0
    deleted: int = 0
    anchored: int = 0
    fault: Message | None = None


def audit(store: DiskLogStore, anchors: Anchors, host: str | None = None) -> Audited:
    """Check everything stored of ``host`` (or of every host), both tiers; stops at a fault.

    ``anchors`` are what the ledger recorded of this estate's nights.
    """
    found = Audited()
    with store.catalogue.reading() as db:
        kept = set(stored.hosts(db))
    for name in sorted(kept | {name for name, _ in anchors}):
        if host in (None, name):
            found.hosts += 1
            found.fault = next(_Host(store, name, found, anchors).faults(), None)
            if found.fault:
                break
    return found


class _Host:
    def __init__(self, store: DiskLogStore, host: str, found: Audited, anchors: Anchors) -> None:
        self._anchors = {day: told for (name, day), told in anchors.items() if name == host}
        self._store = store
        self._host = host
        self._found = found

    def faults(self) -> Iterator[Message]:
        """Faults in the order of days."""
        with self._store.catalogue.reading() as db:
            rows = db.execute(
                "SELECT day, manifest_sha256, archived_at FROM days WHERE host = ? ORDER BY day",
                (self._host,),
            ).fetchall()
        previous: dict[str, str] | None = None
        for row in rows:
            self._found.days += 1
            yield from self._manifest(row["day"], row["manifest_sha256"], previous)
            if row["archived_at"]:
                yield from self._archived_manifest(row["day"], row["manifest_sha256"])
            yield from self._files(row["day"])
            previous = {"day": row["day"], "sha256": row["manifest_sha256"]}
        yield from self._unknown_days({row["day"] for row in rows})
        for day in sorted(self._anchors.keys() - {row["day"] for row in rows}):
            yield msg("The ledger recorded logs of {host} for {day}; the store knows nothing of"
                      " them.", host=self._host, day=day)  # fmt: skip

    def _manifest(
        self, day: str, sha256: str, previous: dict[str, str] | None
    ) -> Iterator[Message]:
        place = {"host": self._host, "day": day}
        data = _read(self._store.hot.day(self._host, day) / manifest.NAME)
        if data is None:
            yield msg("The manifest of {host} for {day} is missing.", **place)
            return
        if manifest.digest(data) != sha256:
            yield msg("The manifest of {host} for {day} was changed.", **place)
        with self._store.catalogue.reading() as db:
            if manifest.render(db, self._host, day) != data:
                yield msg("The catalogue of {host} for {day} was changed.", **place)
        if _previous(data) != previous:
            yield msg("The manifest of {host} for {day} does not name the day before it.", **place)
        yield from self._anchored(day, data)

    def _anchored(self, day: str, data: bytes) -> Iterator[Message]:
        """Compare with the ledger, unless a night was cut off before the ledger heard of it."""
        told = self._anchors.get(day, {})
        nights = _nights(data)
        for run in sorted(told.keys() - set(nights)):
            yield msg("The night of {host} for {day} that the ledger recorded in {run} is missing.",
                      host=self._host, day=day, run=run)  # fmt: skip
        if not nights or set(nights) - told.keys():
            return
        self._found.anchored += 1
        if told[nights[-1]] != manifest.digest(data):
            yield msg("The manifest of {host} for {day} is not the one that the ledger recorded"
                      " in {run}.", host=self._host, day=day, run=nights[-1])  # fmt: skip

    def _archived_manifest(self, day: str, sha256: str) -> Iterator[Message]:
        data = _read(self._store.archive.day(self._host, day) / manifest.NAME)
        if data is None or manifest.digest(data) != sha256:
            yield msg("The archived manifest of {host} for {day} is missing or was changed.",
                      host=self._host, day=day)  # fmt: skip

    def _unknown_days(self, known: set[str]) -> Iterator[Message]:
        for day in self._store.hot.days(self._host):
            if day not in known and (self._store.hot.day(self._host, day) / manifest.NAME).exists():
                yield msg("The catalogue does not know {host} for {day}.",
                          host=self._host, day=day)  # fmt: skip

    def _files(self, day: str) -> Iterator[Message]:
        with self._store.catalogue.reading() as db:
            files = stored.files(db, host=self._host, day=day)
            spans = stored.spans(db, host=self._host, day=day)
        for file in files:
            self._found.files += 1
            pieces = [span for span in spans if span.file.name == file.name]
            if file.hot == "here":
                yield from self._file(file, self._store.hot, pieces)
            if file.archive == "here":
                yield from self._file(file, self._store.archive, pieces)
            if file.hot != "here" and file.archive != "here":
                self._found.deleted += 1

    def _file(self, file: StoredFile, tier: Tier, spans: list[StoredSpan]) -> Iterator[Message]:
        path = tier.file(file.host, file.day, file.name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            if not self._deleted_meanwhile(file):
                yield msg("The file {path} is missing or cannot be read.", path=path)
            return
        try:
            yield from self._bytes(fd, path, file, spans)
        finally:
            os.close(fd)

    def _deleted_meanwhile(self, file: StoredFile) -> bool:
        with self._store.catalogue.reading() as db:
            now = stored.files(db, host=file.host, day=file.day)
        return any(each.name == file.name and each != file for each in now)

    def _bytes(
        self, fd: int, path: Path, file: StoredFile, spans: list[StoredSpan]
    ) -> Iterator[Message]:
        for span in sorted(spans, key=lambda span: span.offset):
            yield from self._span(fd, path, span)
        if os.fstat(fd).st_size != file.length or file_sha256(fd) != file.sha256:
            yield msg("The file {path} was changed.", path=path)

    def _span(self, fd: int, path: Path, span: StoredSpan) -> Iterator[Message]:
        unpacker, raw, lines = Unpacker(fd), hashlib.sha256(), 0
        for number, (offset, frame) in enumerate(span.framed(), 1):
            try:
                for data in unpacker.frame(offset, frame.length, frame.raw_length):
                    raw.update(data)
                    lines += bytes(data).count(b"\n")
            except Unsound as fault:
                yield msg(
                    "The file {path} is damaged in frame {number} at byte {offset}: {reason}.",
                    path=path,
                    number=number,
                    offset=offset,
                    reason=fault.reason,
                )
                return
            self._found.frames += 1
            self._found.raw_bytes += frame.raw_length
        proven = (unpacker.stored.hexdigest(), raw.hexdigest(), lines)
        if proven != (span.stored_sha256, span.raw_sha256, span.lines):
            yield msg("The file {path} was changed in the piece at byte {offset}.",
                      path=path, offset=span.offset)  # fmt: skip


def _read(path: Path) -> bytes | None:
    with suppress(OSError):
        return path.read_bytes()
    return None


def _nights(data: bytes) -> list[str]:
    """The runs whose nights a manifest holds, oldest first."""
    try:
        return [str(night["run"]) for night in parse(data)["nights"]]
    except (ValueError, KeyError, TypeError):
        return []


def _previous(data: bytes) -> Any:
    try:
        return parse(data)["previous"]
    except (ValueError, KeyError, TypeError):
        return None
