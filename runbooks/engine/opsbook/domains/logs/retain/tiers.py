"""Moving stored files between tiers, so that a crash at any moment loses nothing.

Archiving: copy, sync, rename, then read the copy back from disk and compare it with the
manifest; only then the catalogue says it is there. Deleting: the catalogue says *leaving* and
keeps the certificate, the file is unlinked, the catalogue says *gone*; a crash in between is
finished by the next retention.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from opsbook.domains.logs.keep import layout, manifest, tiering
from opsbook.domains.logs.keep.layout import Tier
from opsbook.domains.logs.keep.store import DiskLogStore
from opsbook.domains.logs.keep.stored import StoredFile
from opsbook.domains.logs.keep.tiering import TierName
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
            left = tiering.leaving(db, self._host)
        for day, name, tier in left:
            self._unlink(day, name, tier)

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
            tiering.mark_archived(db, self._host, day, [file.name for file in files])

    def _archive_manifest(self, day: str) -> None:
        data = (self._store.hot.day(self._host, day) / manifest.NAME).read_bytes()
        target = self._store.archive.day(self._host, day) / manifest.NAME
        with layout.explained(self._store.archive.root):
            layout.write_durably(target, data)
        sha256 = manifest.digest(target.read_bytes())
        with self._store.catalogue.writing() as db:
            if tiering.day_row(db, self._host, day)["manifest_sha256"] != sha256:
                raise IntegrityFault(
                    msg("The manifest of {host} for {day} was changed.", host=self._host, day=day),
                    untouched=msg("Nothing of this host was deleted."),
                )
            tiering.mark_day_archived(db, self._host, day, self._now, sha256)

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
            self._unlink(certificate["day"], certificate["file"], _tier(step))
        return certificates

    def _certify(self, step: Step) -> dict[str, Any]:
        """Say *leaving* and keep the certificate, in one transaction."""
        file, tier = step.kept.file, _tier(step)
        with self._store.catalogue.writing() as db:
            day = tiering.day_row(db, file.host, file.day)
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
            tiering.mark_leaving(db, file.host, file.day, file.name, tier)
            tiering.add_certificate(db, certificate)
        return certificate

    def _archived_sha256(self, file: StoredFile) -> str:
        """Digest of the archived copy as it is now; empty when it cannot be read."""
        with suppress(OSError):
            return _sha256(self._store.archive.file(file.host, file.day, file.name))
        return ""

    def _unlink(self, day: str, name: str, tier: TierName) -> None:
        place = self._store.hot if tier == "hot" else self._store.archive
        path = place.file(self._host, day, name)
        with layout.explained(place.root):
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                layout.sync_directory(path.parent)
        with self._store.catalogue.writing() as db:
            tiering.mark_gone(db, self._host, day, name, tier)

    def forget_ended_streams(self) -> None:
        """See :func:`opsbook.domains.logs.keep.tiering.forget_ended_streams`."""
        with self._store.catalogue.writing() as db:
            tiering.forget_ended_streams(db, self._host)


def _tier(step: Step) -> TierName:
    """From which tier a step deletes."""
    return "hot" if step.action is Action.DELETE_HOT else "archive"


def unreported(store: DiskLogStore, host: str) -> list[tuple[int, dict[str, Any]]]:
    """Certificates that are not in the ledger yet, with their numbers."""
    with store.catalogue.reading() as db:
        return tiering.unreported(db, host)


def mark_reported(store: DiskLogStore, numbers: Sequence[int]) -> None:
    """These certificates are durable in the ledger."""
    with store.catalogue.writing() as db:
        tiering.mark_reported(db, numbers)


def _sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, read from the disk and not from memory where that can be had."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return file_sha256(fd)
    finally:
        os.close(fd)
