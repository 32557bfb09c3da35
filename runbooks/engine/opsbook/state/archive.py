"""The file of a backup: one private tar.zst, the manifest first, SHA-256 of every member.

manifest.json                  {"format", "opsbook", "made", "schema", "files": {name: {...}}}
ledger.db                      a consistent copy
keys/<name>
logs/<estate>/catalogue.db     catalogues of collected logs in their default place
findings/findings.db           what scanners told of hosts
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO, Any

import zstandard

from opsbook.model.canonical import canonical, parse
from opsbook.model.errors import InputFault, IntegrityFault
from opsbook.model.message import msg
from opsbook.model.places import private

FORMAT = "opsbook.backup/1"
MANIFEST = "manifest.json"
_NAME = re.compile(
    r"ledger\.db|keys/[A-Za-z0-9_][A-Za-z0-9._-]*|logs/[a-z][a-z0-9_-]{0,62}/catalogue\.db"
    r"|findings/findings\.db"
)
_MANIFEST_LIMIT = 16 * 1024 * 1024
_BLOCK = 1024 * 1024

Manifest = Mapping[str, Any]


def describe(root: Path, about: Mapping[str, Any]) -> Manifest:
    """The manifest of the files below ``root``."""
    files = {
        str(path.relative_to(root)): {"size": path.stat().st_size, "sha256": _digest(path)}
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    return {"format": FORMAT, **about, "files": files}


def write(target: Path, root: Path, manifest: Manifest) -> None:
    """Pack the files of ``manifest`` from ``root``; ``target`` appears whole or not at all, and
    only after what was written has been read back and compared.
    """
    temporary = target.with_name(f".{target.name}.part")
    temporary.unlink(missing_ok=True)
    try:
        with _created(temporary) as file:
            _pack(file, root, manifest)
            file.flush()
            os.fsync(file.fileno())
        check(temporary)
        temporary.rename(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check(source: Path) -> Manifest:
    """Read the whole archive and compare it with its manifest, keeping nothing."""
    with _members(source) as (manifest, members):
        for name, member in members:
            _compare(name, manifest, member, None)
        return manifest


def unpack(source: Path, root: Path) -> Manifest:
    """Unpack into the private directory ``root``, comparing with the manifest."""
    with _members(source) as (manifest, members):
        for name, member in members:
            path = root / name
            private(path.parent)
            with _created(path) as file:
                _compare(name, manifest, member, file)
                file.flush()
                os.fsync(file.fileno())
        return manifest


def _pack(file: IO[bytes], root: Path, manifest: Manifest) -> None:
    packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
    with (
        packer.stream_writer(file, closefd=False) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        data = canonical(dict(manifest))
        tar.addfile(_entry(MANIFEST, len(data)), io.BytesIO(data))
        for name, about in manifest["files"].items():
            with (root / name).open("rb") as member:
                tar.addfile(_entry(name, about["size"]), member)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


@contextmanager
def _members(source: Path) -> Iterator[tuple[Manifest, Iterator[tuple[str, IO[bytes]]]]]:
    """The manifest and the files it names. Raises InputFault, IntegrityFault."""
    try:
        with (
            source.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            manifest = _manifest(tar, source)
            yield manifest, _named(tar, manifest)
            while stream.read(_BLOCK):  # to the checksum behind the last member
                pass
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise IntegrityFault(
            msg("The backup {path} is damaged: {reason}.", path=source, reason=str(error))
        ) from error


def _manifest(tar: tarfile.TarFile, source: Path) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or first.size > _MANIFEST_LIMIT:
        raise InputFault(msg("{path} is not a backup of opsbook.", path=source))
    member = tar.extractfile(first)
    assert member is not None
    try:
        manifest = parse(member.read())
        known = manifest["format"] == FORMAT and all(map(_NAME.fullmatch, manifest["files"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputFault(msg("{path} is not a backup of opsbook.", path=source)) from error
    if not known:
        raise InputFault(msg("{path} is not a backup this opsbook can read.", path=source))
    made: Manifest = manifest
    return made


def _named(tar: tarfile.TarFile, manifest: Manifest) -> Iterator[tuple[str, IO[bytes]]]:
    """Every file of the manifest, once; anything else in the archive is a fault."""
    left = set(manifest["files"])
    while (entry := tar.next()) is not None:
        member = tar.extractfile(entry) if entry.isreg() else None
        if member is None or entry.name not in left:
            raise _fault(entry.name)
        left.remove(entry.name)
        yield entry.name, member
    for name in left:
        raise _fault(name)


def _compare(name: str, manifest: Manifest, member: IO[bytes], copy: IO[bytes] | None) -> None:
    found, size = sha256(), 0
    while block := member.read(_BLOCK):
        found.update(block)
        size += len(block)
        if copy is not None:
            copy.write(block)
    if {"size": size, "sha256": found.hexdigest()} != manifest["files"][name]:
        raise _fault(name)


def _fault(name: str) -> IntegrityFault:
    return IntegrityFault(
        msg("The backup does not hold {name} as its manifest says.", name=name),
        untouched=msg("Nothing was restored from it."),
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _created(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
