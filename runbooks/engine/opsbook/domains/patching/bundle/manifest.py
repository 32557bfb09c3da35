"""What a bundle holds: every file of the repository it makes, by path, size and SHA-256. Pure.

The signature is over the manifest's bytes, so everything else is bound by it. An incremental
bundle names the manifest it builds on; files marked as not ``carried`` are taken from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from opsbook.domains.patching.bundle.documents import (
    Line,
    PlainPath,
    Sha256,
    Stamp,
    Version,
    Word,
    read_document,
)  # fmt: skip
from opsbook.model.base import Declared
from opsbook.model.canonical import canonical
from opsbook.model.clock import unstamp

MOST_BYTES = 64 * 2**20
"""Bytes of a manifest: room for some 200,000 files."""
MOST_FILES = 200_000
LARGEST = 2**33
"""Bytes of one file of a bundle; what a ustar header can say."""

Kind = Literal["release", "index", "deb", "changelog", "tracker"]


class File(Declared):
    """One file. ``source`` and ``version`` are those of a changelog's source package."""

    path: PlainPath
    size: Annotated[int, Field(ge=0, lt=LARGEST)]
    sha256: Sha256
    kind: Kind
    carried: bool = True
    source: Line = ""
    version: Version | Literal[""] = ""


class Archive(Declared):
    """One suite of an archive. ``root`` is its folder in the tree; ``suite`` the path in dists."""

    root: Word
    suite: Word
    codename: Word
    components: Annotated[tuple[Word, ...], Field(min_length=1)]
    archs: Annotated[tuple[Word, ...], Field(min_length=1)]
    origin: Line
    label: Line
    date: Stamp
    valid_until: Stamp | None

    @property
    def release(self) -> str:
        """The path of its signed Release file."""
        return f"{self.root}/dists/{self.suite}/InRelease"


class Manifest(Declared):
    """Of one bundle. ``since``: SHA-256 of the manifest it builds on."""

    schema_: Literal["opsbook.patching-bundle/1"] = Field(alias="schema")
    made: Stamp
    estate: Line
    need: Sha256
    since: Sha256 | None
    archives: Annotated[tuple[Archive, ...], Field(min_length=1, max_length=200)]
    files: Annotated[tuple[File, ...], Field(min_length=1, max_length=MOST_FILES)]

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        """Paths once and no file in the place of a folder; releases there; changelogs named."""
        every = {one.path for one in self.files}
        if len(every) != len(self.files):
            raise ValueError("a path stands there twice")
        folders = {part for path in every for part in _folders(path)}
        if folders & every:
            raise ValueError("a file stands in the place of a folder")
        if not all(one.release in every for one in self.archives):
            raise ValueError("a Release file is missing")
        if any(one.kind == "changelog" and not (one.source and one.version) for one in self.files):
            raise ValueError("a changelog of no source package")
        if self.since is None and not all(one.carried for one in self.files):
            raise ValueError("files are left out, but no earlier bundle is named")
        return self

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical(self.model_dump(mode="json", by_alias=True))

    @property
    def carried(self) -> list[File]:
        """The files that the bundle itself brings, in its order."""
        return [one for one in self.files if one.carried]

    @property
    def valid_until(self) -> datetime | None:
        """When the first of its archives becomes stale."""
        return min((unstamp(one.valid_until) for one in self.archives if one.valid_until),
                   default=None)  # fmt: skip


def read_manifest(data: bytes, name: str = "manifest.json") -> Manifest:
    """Raises InputFault."""
    return read_document(Manifest, data, name)


def identity(data: bytes) -> str:
    """What a bundle is called by: the SHA-256 of its manifest's bytes."""
    return hashlib.sha256(data).hexdigest()


def beyond(files: Iterable[File], earlier: Mapping[str, str]) -> tuple[File, ...]:
    """``files`` in the order of their paths, carried only where ``earlier`` (path -> SHA-256) has
    not the same bytes under the same path.
    """
    return tuple(
        one.model_copy(update={"carried": earlier.get(one.path) != one.sha256})
        for one in sorted(files, key=lambda one: one.path)
    )


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
