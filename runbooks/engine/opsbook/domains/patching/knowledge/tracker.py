"""Debian's security tracker, as JSON: ``{source: {CVE: {"releases": {suite: {...}}}}}``.

The whole file is some 70 MB. It is read one source package at a time, so memory stays small
whatever the size, and every part is bounded: the file may come from anywhere.
"""

from __future__ import annotations

import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from opsbook.model.errors import InputFault
from opsbook.model.jsonstream import members
from opsbook.model.jsonwindow import TooLarge
from opsbook.model.message import Message, msg

_CVE = re.compile(r"CVE-(?:19|20)[0-9]{2}-[0-9]{4,7}", re.ASCII)
_SOURCE = re.compile(r"[a-z0-9][a-z0-9+.-]{0,199}", re.ASCII)
_SUITE = re.compile(r"[a-z][a-z0-9-]{0,63}", re.ASCII)
_DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error, UnicodeDecodeError)
"""What gzip, lzma and utf-8 raise on a damaged file (BadGzipFile is an OSError)."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What the tracker says of one CVE in one source package of one suite.

    ``fixed`` is the version that closes it; "" while it is open, "0" where the suite never had it.
    """

    source: str
    suite: str
    cve: str
    fixed: str
    urgency: str


def read_tracker(path: Path) -> Iterator[Tracked]:
    """Every fact of the tracker file ``path`` (plain, gzip or xz).

    Ids that are no CVE ids (``TEMP-...``) and suites or sources with impossible names are passed
    over. Raises InputFault when it is not the tracker's JSON, too large or damaged; OSError when
    it cannot be opened.
    """
    with _opened(path) as stream:
        try:
            for source, cves in members(io.TextIOWrapper(stream, "utf-8", newline="")):
                yield from _of_source(source, cves)
        except TooLarge as error:
            raise not_a_tracker(path, msg("it is too large")) from error
        except _DAMAGED as error:
            raise not_a_tracker(path, msg("it is damaged")) from error
        except (ValueError, RecursionError) as error:
            raise not_a_tracker(path, msg("it is not JSON of the expected form")) from error


def not_a_tracker(path: Path, why: Message) -> InputFault:
    """``path`` cannot be taken; nothing was changed by it."""
    return InputFault(
        msg("{file} is no extract of the security tracker: {why}.", file=path, why=why),
        untouched=msg("The extract that was in force before stays in force."),
        next_step=msg("Fetch it again and compare its SHA-256 with --sha256."),
    )


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    if start.startswith(b"\xfd7zXZ\x00"):
        return cast(IO[bytes], lzma.open(path, "rb"))
    return path.open("rb")


def _of_source(source: str, cves: Mapping[str, Any]) -> Iterator[Tracked]:
    if not _SOURCE.fullmatch(source):
        return
    for cve, about in cves.items():
        if _CVE.fullmatch(cve) and isinstance(about, dict):
            releases = about.get("releases")
            for suite, status in releases.items() if isinstance(releases, dict) else ():
                if _SUITE.fullmatch(suite) and isinstance(status, dict):
                    yield _tracked(source, suite, cve, status)


def _tracked(source: str, suite: str, cve: str, status: Mapping[str, Any]) -> Tracked:
    resolved = status.get("status") == "resolved"
    fixed = status.get("fixed_version") if resolved else ""
    urgency = status.get("urgency")
    return Tracked(
        source,
        suite,
        cve,
        fixed[:200] if isinstance(fixed, str) else "",
        urgency[:40] if isinstance(urgency, str) else "",
    )
