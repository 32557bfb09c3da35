"""Names of files in a bundle and in a repository: plain, relative, bounded."""

from __future__ import annotations

import re

LONGEST = 250
"""Bytes of a path: what a ustar header holds, prefix and name."""

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_%:-]{0,150}", re.ASCII)


def is_plain(path: str) -> bool:
    """Whether ``path`` is relative, has no ``.``, ``..`` or empty parts and no odd characters."""
    return len(path) <= LONGEST and all(_SEGMENT.fullmatch(part) for part in path.split("/"))


def slug(text: str) -> str:
    """``text`` as one lower-case word: ``Debian-Security`` becomes ``debian-security``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "archive"


def segment(text: str) -> str:
    """``text`` (a package's name or version) as a part of a path; a colon becomes ``%3a``."""
    kept = re.sub(r"[^A-Za-z0-9.+~_-]", lambda found: f"%{ord(found[0]) & 0xFF:02x}", text)
    return kept[:150] if kept[:1].isalnum() else f"x{kept[:149]}"
