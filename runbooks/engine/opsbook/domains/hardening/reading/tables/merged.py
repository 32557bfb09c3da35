"""Merged areas of a sheet (ECMA-376 part 1, 18.3.1.55 ``mergeCell``), and references to columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import IO

from opsbook.domains.hardening.reading.tables.lines import MOST_COLUMNS, Line

_CHUNK = 65_536
_MOST_MERGED = 100_000


class Spans:
    """Merged areas: below their first row their first column has the value of the first row."""

    def __init__(self, areas: Sequence[tuple[int, int, int]]) -> None:
        self._starts: dict[int, list[tuple[int, int]]] = {}
        for first, last, column in areas:
            self._starts.setdefault(first, []).append((column, last))
        self._open: dict[int, tuple[int, str]] = {}

    def filled(self, line: Line) -> Line:
        """``line`` with what it has from merged areas; to be asked in the order of rows."""
        if not self._open and line.number not in self._starts:
            return line
        cells = list(line.cells)
        for column, (last, value) in list(self._open.items()):
            if line.number > last:
                del self._open[column]
                continue
            cells.extend("" for _ in range(column + 1 - len(cells)))
            cells[column] = cells[column] or value
        for column, last in self._starts.get(line.number, ()):
            if column < len(cells) and cells[column]:
                self._open[column] = (last, cells[column])
        return Line(line.sheet, line.number, tuple(cells), line.cut)


_AREA = re.compile(rb'<(?:\w{1,20}:)?mergeCell\s[^<>]{0,200}?ref="([A-Z]{1,3})(\d{1,7}):'
                   rb'[A-Z]{1,3}(\d{1,7})"')  # fmt: skip


def merged(part: IO[bytes]) -> list[tuple[int, int, int]]:
    """First row, last row and column of merged areas of more than one row.

    They stand behind the rows they are about, hence this look ahead.
    """
    areas: list[tuple[int, int, int]] = []
    rest = b""
    while (chunk := part.read(_CHUNK)) and len(areas) < _MOST_MERGED:
        window = rest + chunk
        if b"mergeCell" in window:
            for found in _AREA.finditer(window):
                first, last = int(found[2]), int(found[3])
                column = column_of(found[1].decode(), 0)
                if last > first and column < MOST_COLUMNS:
                    areas.append((first, last, column))
            rest = window[window.rfind(b"<") :][:300]
        else:
            rest = window[-300:]
    return areas


def column_of(reference: str, otherwise: int) -> int:
    """``C7`` -> 2."""
    number = 0
    for letter in reference[:8]:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number - 1 if number else otherwise
