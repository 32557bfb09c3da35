"""Moving stored files between tiers, so that a crash at any moment loses nothing.

Archiving: copy, sync, rename, then read the copy back from disk and compare it with the
manifest; only then the catalogue says it is there. Deleting: the catalogue says *leaving* and
keeps the certificate, the file is unlinked, the catalogue says *gone*; a crash in between is
finished by the next retention.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from opsbook.domains.logs.keep import layout, manifest
from opsbook.domains.logs.keep.catalogue import to_json
from opsbook.domains.logs.keep.layout import Tier
from opsbook.domains.logs.keep.store import DiskLogStore
from opsbook.domains.logs.keep.stored import StoredFile
from opsbook.domains.logs.keep.unpack import file_sha256
from opsbook.domains.logs.retain.retention import Action, Step
from opsbook.model.clock import stamp
from opsbook.model.errors import IntegrityFault
from opsbook.model.message import msg

_COPY = 1024 * 1024


class Mover:
    """Carries out steps for one host, in one run, under the host's lock."""

    def __init__(self, store: DiskLogStore, host: str, run: str, by: str) -> None:
        self._store = store
        self._host = host
        self._run = run
        self._by = by
        self._now = stamp(store.clock.now())

    def finish_leaving(self) -> None:
        """Unlink what a crash left between *leaving* and *gone*."""
        with self._store.catalogue.reading() as db:
            rows = db.execute(
                "SELECT day, name, hot, archive FROM files WHERE host = ?"
                " AND 'leaving' IN (hot, archive)",
                (self._host,),
            ).fetchall()
        for row in rows:
            if row["hot"] == "leaving":
                self._unlink(self._store.hot, row["day"], row["name"], "hot")
            if row["archive"] == "leaving":
                self._unlink(self._store.archive, row["day"], row["name"], "archive")

    def archive(self, day: str, files: Sequence[StoredFile]) -> None:
        """Copy files of a day, and its manifest, to the archive tier; check them there.

        Raises IntegrityFault when a hot file or its copy is not what the manifest says;
        HostRefused when the archive is full.
        """
        with layout.explained(self._store.archive.root):
            layout.make_root(self._store.archive.root)
            directory = layout.make_private(self._store.archive.day(self._host, day))
            for file in files:
                self._copy(file, directory)
            layout.sync_directory(directory)
        for file in files:
            self._check(self._store.archive, file)
        self._archive_manifest(day)
        with self._store.catalogue.writing() as db:
            db.executemany(
                "UPDATE files SET archive = 'here' WHERE host = ? AND day = ? AND name = ?",
                [(self._host, day, file.name) for file in files],
            )

    def _archive_manifest(self, day: str) -> None:
        data = (self._store.hot.day(self._host, day) / manifest.NAME).read_bytes()
        target = self._store.archive.day(self._host, day) / manifest.NAME
        with layout.explained(self._store.archive.root):
            layout.write_durably(target, data)
        sha256 = manifest.digest(target.read_bytes())
        with self._store.catalogue.writing() as db:
            row = db.execute(
                "SELECT manifest_sha256 FROM days WHERE host = ? AND day = ?", (self._host, day)
            ).fetchone()
            if row["manifest_sha256"] != sha256:
                raise IntegrityFault(
                    msg("The manifest of {host} for {day} was changed.", host=self._host, day=day),
                    untouched=msg("Nothing of this host was deleted."),
                )
            db.execute(
                "UPDATE days SET archived_at = ?, archive_sha256 = ? WHERE host = ? AND day = ?",
                (self._now, sha256, self._host, day),
            )

    def _copy(self, file: StoredFile, directory: Path) -> None:
        """Copy by way of a part file; a copy that is already whole is left alone."""
        target = directory / file.name
        if target.exists() and _sha256(target) == file.sha256:
            return
        part = target.with_name(target.name + layout.PART)
        source = self._store.hot.file(file.host, file.day, file.name)
        try:
            with source.open("rb") as read, part.open("wb") as write:
                os.fchmod(write.fileno(), 0o600)
                shutil.copyfileobj(read, write, _COPY)
                write.flush()
                os.fsync(write.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def _check(self, tier: Tier, file: StoredFile) -> None:
        path = tier.file(file.host, file.day, file.name)
        with suppress(OSError):
            if _sha256(path) == file.sha256:
                return
        raise IntegrityFault(
            msg("The file {path} is not what the manifest says.", path=path),
            untouched=msg("Nothing was deleted because of it."),
            next_step=msg("opsbook logs verify shows what is damaged."),
        )

    def delete(self, steps: Sequence[Step]) -> list[dict[str, Any]]:
        """Delete what the steps of one day say; the certificates.

        A hot copy goes only when the archived one verifies now. Raises IntegrityFault else.
        """
        certificates = []
        for step in steps:
            if step.action is Action.DELETE_HOT:
                self._check(self._store.archive, step.kept.file)
            certificates.append(self._certify(step))
        for step, certificate in zip(steps, certificates, strict=True):
            hot = step.action is Action.DELETE_HOT
            tier = self._store.hot if hot else self._store.archive
            self._unlink(tier, certificate["day"], certificate["file"], "hot" if hot else "archive")
        return certificates

    def _certify(self, step: Step) -> dict[str, Any]:
        """Say *leaving* and keep the certificate, in one transaction."""
        file = step.kept.file
        tier = "hot" if step.action is Action.DELETE_HOT else "archive"
        with self._store.catalogue.writing() as db:
            day = db.execute(
                "SELECT manifest_sha256, archived_at FROM days WHERE host = ? AND day = ?",
                (file.host, file.day),
            ).fetchone()
            certificate = {
                "host": file.host,
                "day": file.day,
                "tier": tier,
                "file": file.name,
                "length": file.length,
                "sha256": file.sha256,
                "manifest_sha256": day["manifest_sha256"],
                "archived_at": day["archived_at"],
                "archive_sha256": self._archived_sha256(file),
                "rule": {"days": step.days, "day_ended": stamp(step.kept.ends)},
                "run": self._run,
                "by": self._by,
                "at": self._now,
            }
            state = "hot" if tier == "hot" else "archive"
            db.execute(
                f"UPDATE files SET {state} = 'leaving'"  # noqa: S608  # one of two constants
                " WHERE host = ? AND day = ? AND name = ?",
                (file.host, file.day, file.name),
            )
            db.execute(
                "INSERT INTO deletions (host, day, tier, certificate) VALUES (?, ?, ?, ?)",
                (file.host, file.day, tier, to_json(certificate)),
            )
        return certificate

    def _archived_sha256(self, file: StoredFile) -> str:
        """Digest of the archived copy as it is now; empty when it cannot be read."""
        with suppress(OSError):
            return _sha256(self._store.archive.file(file.host, file.day, file.name))
        return ""

    def _unlink(self, tier: Tier, day: str, name: str, state: str) -> None:
        path = tier.file(self._host, day, name)
        with layout.explained(tier.root):
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                layout.sync_directory(path.parent)
        with self._store.catalogue.writing() as db:
            db.execute(
                f"UPDATE files SET {state} = 'gone'"  # noqa: S608  # one of two constants
                " WHERE host = ? AND day = ? AND name = ?",
                (self._host, day, name),
            )

    def forget_ended_streams(self) -> None:
        """Remove the raw bytes behind the windows of ended streams of which nothing is kept;
        the windows stay, so that an old file is still recognised.
        """
        with self._store.catalogue.writing() as db:
            db.execute(
                "UPDATE streams SET head = x'', tail = x'' WHERE host = ?"
                " AND json_extract(facts, '$.ended') AND (head <> x'' OR tail <> x'')"
                " AND NOT EXISTS (SELECT 1 FROM pieces JOIN files ON files.host = pieces.host"
                " AND files.day = pieces.day AND files.name = pieces.file"
                " WHERE pieces.host = streams.host AND pieces.stream = streams.number"
                " AND (files.hot = 'here' OR files.archive <> 'gone'))",
                (self._host,),
            )


def unreported(store: DiskLogStore, host: str) -> list[tuple[int, dict[str, Any]]]:
    """Certificates that are not in the ledger yet, with their numbers."""
    with store.catalogue.reading() as db:
        rows = db.execute(
            "SELECT id, certificate FROM deletions WHERE host = ? AND reported = 0 ORDER BY id",
            (host,),
        )
        return [(row["id"], json.loads(row["certificate"])) for row in rows]


def mark_reported(store: DiskLogStore, numbers: Sequence[int]) -> None:
    """These certificates are durable in the ledger."""
    with store.catalogue.writing() as db:
        db.executemany("UPDATE deletions SET reported = 1 WHERE id = ?", [(n,) for n in numbers])


def _sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, read from the disk and not from memory where that can be had."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return file_sha256(fd)
    finally:
        os.close(fd)
