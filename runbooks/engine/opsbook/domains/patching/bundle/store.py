"""The repository of an estate inside: kept bundles, one of them current.

$OPSBOOK_STATE/patching/repository/<estate>/
|-- current -> versions/<id>   what is served; changed by one rename
|-- versions/<id>/             manifest.json, its signature, import.json, the files of the bundle
|-- incoming/                  what is being imported; emptied by the next import
`-- .lock                      one import at a time

Files that bundles share are one file on disk (hard links). Reading needs no lock: a version is
never changed, and the one that was current stays for readers that began with it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opsbook.domains.patching.bundle.manifest import Manifest, read_manifest
from opsbook.domains.patching.bundle.tape import MANIFEST
from opsbook.model.errors import Busy
from opsbook.model.message import msg
from opsbook.model.places import Places, private

KEPT = 4
"""Versions that are kept: hosts still reading an earlier one, and bundles that build on it."""
NOTE = "import.json"


class Repository:
    """The repository below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._versions = root / "versions"

    @classmethod
    def of(cls, places: Places, estate: str) -> Repository:
        """The one of an estate."""
        return cls(places.root / "patching" / "repository" / estate)

    def current(self) -> Path | None:
        """The directory of the version that is served."""
        try:
            version = self._versions / (self.root / "current").readlink().name
        except FileNotFoundError:
            return None
        return version if version.is_dir() else None

    def versions(self) -> list[Path]:
        """All versions, newest import first, the current one before all."""
        if not self._versions.is_dir():
            return []
        current = self.current()
        found = [one for one in self._versions.iterdir() if one.is_dir()]
        return sorted(found, key=lambda one: (one != current, -(one / NOTE).stat().st_mtime_ns))

    def version(self, identity: str) -> Path | None:
        """The directory of a kept version."""
        place = self._versions / identity
        return place if place.is_dir() else None

    @contextmanager
    def importing(self) -> Iterator[Path]:
        """An empty directory for what comes in; one at a time. Raises Busy, OSError."""
        private(self.root)
        handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy(
                    msg("Another import into this repository is at work."),
                    untouched=msg("Nothing was imported."),
                ) from error
            incoming = self.root / "incoming"
            shutil.rmtree(incoming, ignore_errors=True)
            yield private(incoming)
            shutil.rmtree(incoming, ignore_errors=True)
        finally:
            os.close(handle)

    def adopt(self, incoming: Path, identity: str) -> Path:
        """Make a complete ``incoming`` the current version, durably. Raises OSError.

        Killed at any point, either the earlier version is current and whole, or this one is.
        """
        _sync_tree(incoming)
        private(self._versions)
        place = self._versions / identity
        incoming.rename(place)
        _sync(self._versions)
        self.switch(identity)
        return place

    def switch(self, identity: str) -> None:
        """Make a kept version the current one."""
        link = self.root / ".current.part"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("versions") / identity)
        link.rename(self.root / "current")
        _sync(self.root)

    def prune(self) -> list[str]:
        """Remove all but the :data:`KEPT` newest versions; gives their names."""
        old = self.versions()[KEPT:]
        for version in old:
            gone = self.root / "incoming" / version.name
            private(gone.parent)
            version.rename(gone)  # no half-removed version is ever found by its name
            shutil.rmtree(gone, ignore_errors=True)
        return [one.name for one in old]


def manifest_of(version: Path) -> Manifest:
    """The manifest of a kept version. Raises InputFault when it was damaged."""
    return read_manifest((version / MANIFEST).read_bytes(), str(version / MANIFEST))


def _sync_tree(directory: Path) -> None:
    for folder, _, files in os.walk(directory):
        for name in files:
            _sync(Path(folder) / name)
        _sync(Path(folder))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
