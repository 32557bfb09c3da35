"""Values put aside until what they need has been read: in a file without a name, not in memory.

Some scanners tell first what they found and at the end of the file what it means. A temporary
file keeps it, readable by nobody else, that is gone with the process; small ones stay in memory.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any

_IN_MEMORY = 2 * 2**20
_REMEMBERED = 256
MOST_KEYS = 250_000
"""Keys that a shelf has place for; each costs some 200 bytes of memory."""


class _Aside:
    """A temporary file of JSON lines; a context manager."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed in __exit__
        self._end = 0

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def _append(self, value: Any) -> tuple[int, int]:
        """Where ``value`` stands now: its first byte and its length."""
        data = json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"
        start = self._end
        self._file.seek(start)
        self._file.write(data)
        self._end += len(data)
        return start, len(data)


class Spool(_Aside):
    """Values given back in the order in which they were put aside.

    Raises OSError when the disk is full.
    """

    def __enter__(self) -> Spool:
        return self

    def add(self, value: Any) -> None:
        """Put aside a value of JSON's kinds."""
        self._append(value)

    def clear(self) -> None:
        """Let all of them go."""
        self._file.seek(0)
        self._file.truncate()
        self._end = 0

    def __iter__(self) -> Iterator[Any]:
        """All of them; nothing may be added meanwhile."""
        self._file.seek(0)
        for line in self._file:
            yield json.loads(line)


class Shelf(_Aside):
    """Values by their key; the first one put under a key stays.

    ``full`` says that there was no place for a key any more. Raises OSError when the disk is full.
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[str, tuple[int, int]] = {}
        self._recent: OrderedDict[str, Any] = OrderedDict()
        self.full = False

    def __enter__(self) -> Shelf:
        return self

    def put(self, key: str, value: Any) -> None:
        """Keep a value of JSON's kinds under ``key``."""
        if len(self._places) >= MOST_KEYS:
            self.full = True
        elif key not in self._places:
            self._places[key] = self._append(value)

    def get(self, key: str) -> Any:
        """What was put under ``key``, or None."""
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        place = self._places.get(key)
        if place is None:
            return None
        self._file.seek(place[0])
        value = json.loads(self._file.read(place[1]))
        self._recent[key] = value
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return value
