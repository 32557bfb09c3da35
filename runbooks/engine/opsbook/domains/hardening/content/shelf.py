"""Content that was brought along, below the state directory: one folder for each datastream.

::

    findings/content/<SHA-256 of the datastream>/
    |-- about.json        what is in it, of which file it came, when
    `-- content.xml.gz    the datastream itself

A folder is there whole or not at all. What a datastream says of itself is never part of a path.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from opsbook.domains.hardening.content.datastream import Benchmark, benchmarks_of
from opsbook.domains.hardening.content.fitting import System
from opsbook.domains.hardening.content.packed import Packed, datastreams
from opsbook.ledger.port import Ledger
from opsbook.model.clock import stamp, unstamp
from opsbook.model.errors import InputFault, Refused, UsageFault
from opsbook.model.event import NewEvent
from opsbook.model.faults import WrongValue
from opsbook.model.message import msg
from opsbook.model.places import private

KIND = "findings.content_imported"
SCHEMA = "opsbook.content/1"
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})", re.ASCII)
_CHUNK = 1 << 20
_PART = ".part-"
_DAY = 86_400.0
_NOTHING = msg("Nothing was imported.")


@dataclass(frozen=True, slots=True)
class Content:
    """One datastream. ``sha256`` and ``bytes`` are its own, ``source`` is the file it came in."""

    name: str
    sha256: str
    bytes: int
    benchmarks: tuple[Benchmark, ...]
    imported: datetime
    source: str
    source_sha256: str

    def to_json(self) -> dict[str, Any]:
        """As kept in ``about.json`` and in its event."""
        return {
            "schema": SCHEMA, "name": self.name, "sha256": self.sha256, "bytes": self.bytes,
            "benchmarks": [one.to_json() for one in self.benchmarks],
            "imported": stamp(self.imported), "source": self.source,
            "source_sha256": self.source_sha256,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Content:
        """Read back what :meth:`to_json` wrote."""
        return cls(
            data["name"], data["sha256"], data["bytes"],
            tuple(Benchmark.from_json(one) for one in data["benchmarks"]),
            unstamp(data["imported"]), data["source"], data["source_sha256"],
        )  # fmt: skip

    def for_system(self, system: System) -> Benchmark | None:
        """The benchmark in it that is made for ``system``."""
        return next((one for one in self.benchmarks if one.fits(system)), None)


class Shelf:
    """The content below ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def contents(self) -> list[Content]:
        """Everything that is there, the newest version first; what cannot be read is left out."""
        found = []
        for folder in sorted(self._root.glob("*")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                about = json.loads((folder / "about.json").read_bytes())
                content = Content.from_json(about)
                if content.sha256 == folder.name:
                    found.append(content)
        return sorted(found, key=_newest, reverse=True)

    @contextmanager
    def packed(self, content: Content) -> Iterator[BinaryIO]:
        """The datastream, compressed by gzip, as it lies there."""
        with (self._root / content.sha256 / "content.xml.gz").open("rb") as file:
            yield file

    def find(self, name: str) -> Content:
        """The content of that name or beginning of its digest. Raises UsageFault."""
        for content in self.contents():
            digest = len(name) >= 6 and content.sha256.startswith(name.lower())
            if digest or content.name == name:
                return content
        raise UsageFault(
            msg("There is no content {name}.", name=name),
            next_step=msg("opsbook findings content list lists what there is."),
        )

    def take(
        self, path: Path, sha256: str, now: datetime, products: Collection[str] = ()
    ) -> list[Content]:
        """Keep every datastream in ``path`` whose digest is ``sha256``; those that are there
        already stay as they are. ``products`` narrows by beginnings of names after ``ssg-``.

        Raises InputFault when the file is another one, or nothing of it can be used; Refused when
        it cannot be written.
        """
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                _same(path, found, sha256)
                file.seek(0)
                self._tidy()
                taken = [
                    self._keep(one, path.name, found, now)
                    for one in datastreams(file, path.name)
                    if _wanted(one, products)
                ]
        except WrongValue as wrong:
            raise _unfit(path, wrong.problem) from wrong
        except OSError as error:
            raise _trouble(path, self._root, error) from error
        if not taken:
            raise _unfit(path, msg("there is no such SCAP datastream in it"))
        return taken

    def _keep(self, one: Packed, source: str, digest: str, now: datetime) -> Content:
        """One datastream, as it is there already, or put there whole."""
        part = Path(tempfile.mkdtemp(prefix=_PART, dir=private(self._root)))
        try:
            sha256, size = _copy(one.stream, part / "content.xml.gz")
            known = self._known(sha256)
            if known is not None:
                return known
            with gzip.open(part / "content.xml.gz", "rb") as copy:
                benchmarks = tuple(benchmarks_of(cast(BinaryIO, copy)))
            content = Content(one.name, sha256, size, benchmarks, now, source, digest)
            _write(part / "about.json", json.dumps(content.to_json(), indent=1).encode())
            return content if _put(part, self._root / sha256) else self._known(sha256) or content
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _known(self, sha256: str) -> Content | None:
        return next((one for one in self.contents() if one.sha256 == sha256), None)

    def _tidy(self) -> None:
        """Remove what imports that were killed left, a day later."""
        for part in self._root.glob(_PART + "*"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > _DAY:
                    shutil.rmtree(part, ignore_errors=True)


def _put(part: Path, folder: Path) -> bool:
    """Move a finished folder to its place; False where another import was first."""
    try:
        part.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def import_content(
    path: Path,
    sha256: str,
    *,
    shelf: Shelf,
    ledger: Ledger,
    now: datetime,
    products: Collection[str] = (),
) -> list[Content]:
    """Take ``path`` in and tell the ledger. Raises as :meth:`Shelf.take`."""
    taken = shelf.take(path, sha256, now, products)
    told = {"file": path.name, "sha256": taken[0].source_sha256, "bytes": path.stat().st_size,
            "contents": [one.to_json() for one in taken]}  # fmt: skip
    ledger.append([NewEvent(KIND, payload=told)])
    return taken


def _newest(content: Content) -> tuple[list[int], str]:
    """By version, numbers as numbers."""
    version = content.benchmarks[0].version if content.benchmarks else ""
    return [int(part) for part in re.findall(r"\d{1,9}", version)], content.name


def _wanted(one: Packed, products: Collection[str]) -> bool:
    short = one.name.removeprefix("ssg-").partition("-")[0]
    return not products or short in products


def _copy(stream: BinaryIO, into: Path) -> tuple[str, int]:
    """Write it down compressed; SHA-256 in hex and size of what was read."""
    whole, size = hashlib.sha256(), 0
    descriptor = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
            while chunk := stream.read(_CHUNK):
                whole.update(chunk)
                size += len(chunk)
                packed.write(chunk)
        raw.flush()
        os.fsync(raw.fileno())
    return whole.hexdigest(), size


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _same(path: Path, found: str, wanted: str) -> None:
    match = _SHA256.fullmatch(wanted.strip())
    if match is None:
        raise InputFault(
            msg("{value} is no SHA-256: it has 64 hexadecimal digits.", value=wanted),
            untouched=_NOTHING,
        )
    if match[1].lower() != found:
        raise InputFault(
            msg("{file} has the SHA-256 {found} and not {wanted}.",
                file=path, found=found, wanted=match[1].lower()),
            untouched=_NOTHING,
            next_step=msg("Fetch it again."),
        )  # fmt: skip


def _unfit(path: Path, why: Any) -> InputFault:
    return InputFault(
        msg("{file} cannot be used as content: {why}.", file=path, why=why),
        untouched=msg("What was imported before is as it was."),
        next_step=msg("It is to be a SCAP datastream (…-ds.xml), by itself, compressed, in a zip,"
                      " or in a Debian package."),
    )  # fmt: skip


def _trouble(path: Path, root: Path, error: OSError) -> InputFault | Refused:
    reason = error.strerror or str(error)
    if error.filename and Path(error.filename) == path:
        return InputFault(
            msg("{path} cannot be read: {reason}.", path=str(path), reason=reason),
            untouched=_NOTHING,
        )
    return Refused(
        msg("{path} cannot be written: {reason}.", path=root, reason=reason), untouched=_NOTHING
    )
