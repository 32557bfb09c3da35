"""Reading JSON that a host made: every value in its type and bounds, or the place that is wrong.

What hosts answer is hostile; capabilities read their surveys through this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

MOST_ROWS = 20000
LONGEST_TEXT = 500
MOST_BYTES = 2**50
"""More bytes than any package or file system has here; keeps numbers exact in canonical JSON."""

_VERSION = re.compile(r"[^\s/\\'\"]+")

T = TypeVar("T")


class Wrong(ValueError):
    """``place``: dotted path of what is wrong."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place[:LONGEST_TEXT]


class Reader:
    """One JSON object at ``place``. Methods raise :class:`Wrong` when it is not as they say."""

    def __init__(self, place: str, data: Any) -> None:
        if not isinstance(data, Mapping):
            raise Wrong(place or "the survey")
        self.place = place
        self.data = data

    def wrong(self, key: str) -> Wrong:
        """The fault of ``key``."""
        return Wrong(f"{self.place}.{key}".lstrip("."))

    def text(self, key: str, default: str = "") -> str:
        """A text on one line."""
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise self.wrong(key)
        return one_line(value)

    def matched(self, key: str, pattern: re.Pattern[str], default: str | None = None) -> str:
        """A text of the form ``pattern``."""
        value = self.text(key) or default
        if value is None or (value and not pattern.fullmatch(value)):
            raise self.wrong(key)
        return value

    def version(self, key: str, default: str | None = None) -> str:
        """A text that may be a version: neither blanks nor quotes nor slashes."""
        value = self.text(key) or default
        if not value or not _VERSION.fullmatch(value):
            raise self.wrong(key)
        return value

    def number(self, key: str, default: int = 0) -> int:
        """A whole number."""
        value = self.data.get(key)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MOST_BYTES:
            raise self.wrong(key)
        return value

    def flag(self, key: str) -> bool:
        """True or false; false when left out."""
        value = self.data.get(key)
        if value not in (None, True, False):
            raise self.wrong(key)
        return bool(value)

    def rows(self, key: str) -> Iterable[Reader]:
        """The objects of a list."""
        for number, row in enumerate(self._list(key)):
            yield Reader(f"{self.place}.{key}[{number}]".lstrip("."), row)

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list."""
        rows = self._list(key)
        if not all(isinstance(row, str) and len(row) <= LONGEST_TEXT for row in rows):
            raise self.wrong(key)
        return tuple(one_line(row) for row in rows)

    def below(self, key: str) -> Reader:
        """The object ``key``, or an empty one."""
        return Reader(f"{self.place}.{key}".lstrip("."), self.data.get(key) or {})

    def perhaps(self, key: str, read: Callable[[Reader], T]) -> T | None:
        """What ``read`` makes of the object ``key``; None when there is none."""
        return read(self.below(key)) if self.data.get(key) else None

    def _list(self, key: str) -> list[Any]:
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MOST_ROWS:
            raise self.wrong(key)
        return value


def one_line(text: str) -> str:
    """``text`` with every control character, line breaks too, made a blank."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
