"""Release and Packages files of a Debian archive, as far as bundles need them. Pure.

Forms: deb822(5), the Debian repository format (wiki.debian.org/DebianRepository/Format).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from opsbook.domains.patching.bundle import paths
from opsbook.domains.patching.versions import is_version

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{0,199}", re.ASCII)
_DEPENDENCY = re.compile(r"\s*([a-z0-9][a-z0-9+.-]*)")


@dataclass(frozen=True, slots=True)
class Release:
    """What an archive signed. ``hashes``: path below the suite -> (SHA-256, bytes)."""

    origin: str
    label: str
    suite: str
    codename: str
    date: datetime
    valid_until: datetime | None
    by_hash: bool
    hashes: Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Package:
    """One binary package of an index. ``needs``: alternatives of each dependency, names only."""

    name: str
    version: str
    arch: str
    source: str
    source_version: str
    filename: str
    size: int
    sha256: str
    needs: tuple[tuple[str, ...], ...] = ()


def read_release(text: str) -> Release:
    """The fields of a Release file, or of what gpgv gave of an InRelease. Raises ValueError."""
    fields = next(iter(stanzas(text.splitlines())), {})
    hashes = {}
    for line in fields.get("SHA256", "").splitlines():
        parts = line.split()
        if len(parts) == 3 and _HASH.fullmatch(parts[0]) and parts[1].isdecimal():
            hashes[parts[2]] = (parts[0], int(parts[1]))
    if not hashes or "Date" not in fields:
        raise ValueError("no Date or no SHA256 in the Release file")
    until = fields.get("Valid-Until")
    return Release(
        origin=fields.get("Origin", ""),
        label=fields.get("Label", ""),
        suite=fields.get("Suite", ""),
        codename=fields.get("Codename", ""),
        date=_moment(fields["Date"]),
        valid_until=_moment(until) if until else None,
        by_hash=fields.get("Acquire-By-Hash", "").lower() == "yes",
        hashes=hashes,
    )


def read_packages(lines: Iterable[str], names: Collection[str] | None = None) -> Iterator[Package]:
    """The packages of an index, all or those of ``names``; malformed stanzas are passed over."""
    for fields in stanzas(lines, names):
        package = _package(fields)
        if package is not None:
            yield package


def stanzas(lines: Iterable[str], names: Collection[str] | None = None) -> Iterator[dict[str, str]]:
    """Paragraphs of deb822(5); with ``names`` only those whose first line names such a package."""
    fields: dict[str, str] = {}
    key, wanted, first = "", True, True
    for raw in lines:
        line = raw.rstrip("\r\n")
        if not line.strip():
            if fields:
                yield fields
            fields, key, wanted, first = {}, "", True, True
            continue
        if first and names is not None:
            wanted = line.startswith("Package: ") and line[9:] in names
        first = False
        if not wanted:
            continue
        if line[0] in " \t":
            if key:
                fields[key] += "\n" + line.strip()
            continue
        key, _, value = line.partition(":")
        fields[key] = value.strip()
    if fields:
        yield fields


def _package(fields: Mapping[str, str]) -> Package | None:
    name, version = fields.get("Package", ""), fields.get("Version", "")
    filename, size = fields.get("Filename", ""), fields.get("Size", "")
    sha256 = fields.get("SHA256", "")
    good = (
        _NAME.fullmatch(name) and is_version(version, "deb") and paths.is_plain(filename)
        and size.isdecimal() and len(size) < 10 and _HASH.fullmatch(sha256)
    )  # fmt: skip
    if not good:
        return None
    source, source_version = _source(fields.get("Source", ""), name, version)
    needs = ",".join(fields.get(key, "") for key in ("Pre-Depends", "Depends"))
    return Package(
        name, version, fields.get("Architecture", ""), source, source_version, filename,
        int(size), sha256, _needs(needs),
    )  # fmt: skip


def _source(field: str, name: str, version: str) -> tuple[str, str]:
    """``Source: glibc (2.36-9)``; without the field, the package's own name and version."""
    found = re.fullmatch(r"([a-z0-9][a-z0-9+.-]*)(?: \(([^()\s]+)\))?", field)
    if not found:
        return name, version
    return found[1], found[2] or version


def _needs(field: str) -> tuple[tuple[str, ...], ...]:
    found = []
    for dependency in field.split(","):
        names = [one[1] for part in dependency.split("|") if (one := _DEPENDENCY.match(part))]
        if names:
            found.append(tuple(names))
    return tuple(found)


def _moment(text: str) -> datetime:
    moment = parsedate_to_datetime(text.replace("UTC", "+0000"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
