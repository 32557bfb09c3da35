"""Comparing versions as dpkg and rpm do (deb-version(7), rpm-version(7)), by univers."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal

Family = Literal["deb", "rpm"]

_DEB = re.compile(r"(?:[0-9]{1,9}:)?[0-9][0-9A-Za-z.+~]*(?:-[0-9A-Za-z.+~]+)*", re.ASCII)
_RPM = re.compile(r"(?:[0-9]{1,9}:)?[0-9A-Za-z._+~^]+(?:-[0-9A-Za-z._+~^]+)?", re.ASCII)
LONGEST = 200
"""Characters of the longest version that is looked at; real ones have less than 100."""


def is_version(text: str, family: Family) -> bool:
    """Whether ``text`` can be a version of this family and can be compared."""
    pattern = _DEB if family == "deb" else _RPM
    return len(text) <= LONGEST and bool(pattern.fullmatch(text))


def compare(one: str, other: str, family: Family) -> int:
    """-1, 0 or 1: ``one`` is older than, equal to or newer than ``other``.

    Raises ValueError when one of them is no version.
    """
    for text in (one, other):
        if not is_version(text, family):
            raise ValueError(f"{text!r} is no {family} version")
    return _compared(one, other, family)


@lru_cache(maxsize=65536)
def _compared(one: str, other: str, family: Family) -> int:
    if one == other:
        return 0
    left, right = _parsed(one, family), _parsed(other, family)
    return int(left > right) - int(left < right)


@lru_cache(maxsize=65536)
def _parsed(text: str, family: Family) -> Any:
    if family == "rpm":
        from univers.rpm import RpmVersion

        rpm: Any = RpmVersion  # untyped
        return rpm.from_string(text)
    from univers.debian import Version

    deb: Any = Version
    return deb.from_string(text)
