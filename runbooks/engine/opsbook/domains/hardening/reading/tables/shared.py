"""The texts that the cells of a workbook share: many small texts, asked for by number."""

from __future__ import annotations

from array import array
from tempfile import SpooledTemporaryFile

from opsbook.domains.hardening.reading.tables.zipparts import TooMuch

_IN_MEMORY = 4 * 2**20
_MOST_BYTES = 2**31
_REMEMBERED = 4_096


class SharedTexts:
    """Kept in a temporary file from a few MiB on, 8 bytes of memory for each of them.

    The file has no name and goes with the process. A context manager.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed in __exit__
        self._ends = array("Q", [0])
        self._recent: dict[int, str] = {}

    def __enter__(self) -> SharedTexts:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, text: str) -> None:
        """Append ``text``. Raises TooMuch when they no longer fit a disk within reason."""
        data = text.encode("utf-8", "replace")
        if self._ends[-1] + len(data) > _MOST_BYTES:
            raise TooMuch("shared texts", "unpacks to more than is allowed")
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def get(self, number: int) -> str:
        """The text with ``number`` from 0, "" where there is none."""
        known = self._recent.get(number)
        if known is not None:
            return known
        if not 0 <= number < len(self._ends) - 1:
            return ""
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        text = self._file.read(end - start).decode("utf-8", "replace")
        if end - start < 512:
            if len(self._recent) >= _REMEMBERED:
                self._recent.clear()
            self._recent[number] = text
        return text
