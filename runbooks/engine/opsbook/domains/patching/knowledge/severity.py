"""How bad a CVE is: Debian's urgencies in one rising scale."""

from __future__ import annotations

from collections.abc import Iterable

SCALE = ("", "unimportant", "low", "medium", "high")
"""Rising; "" is not known. A floor of ``low`` asks for at least ``low``."""

_URGENCIES = {
    "unimportant": "unimportant",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "high",
    "emergency": "high",
}


def severity_of(urgency: str) -> str:
    """The place in :data:`SCALE` of an urgency; notes behind it (``low**``) do not count."""
    return _URGENCIES.get(urgency.strip("* ").lower(), "")


def worst(severities: Iterable[str]) -> str:
    """The highest of ``severities``; "" when none is known."""
    return max(severities, key=SCALE.index, default="")


def reaches(severity: str, floor: str) -> bool:
    """Whether ``severity`` is at least ``floor``; ``any`` asks for nothing."""
    return floor == "any" or SCALE.index(severity) >= SCALE.index(floor)
