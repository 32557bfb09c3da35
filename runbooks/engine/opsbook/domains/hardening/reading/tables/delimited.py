"""Delimited text (RFC 4180 and what passes for it) row by row, in whatever encoding it has."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from opsbook.domains.hardening.reading.tables.encoding import Decoded
from opsbook.domains.hardening.reading.tables.lines import MOST_CELL, MOST_COLUMNS, Line, Part
from opsbook.model.finding import Unreadable

DELIMITERS = ",\t;|"
_MOST_LINE = 2 * 2**20
_MOST_FIELD = 2 * 2**20


def lines(
    stream: BinaryIO, encoding: str | None = None, delimiter: str | None = None
) -> Iterator[Part]:
    """The rows of ``stream``; numbers are those of lines of text, as an editor shows them.

    A quote that is never closed costs the rows it swallows, which is told, and no more memory
    than one field may have. So does a last row that has no end and fewer cells than the one before.
    """
    text = Decoded(stream, encoding)
    source = _Lines(text)
    csv.field_size_limit(_MOST_FIELD)  # of the process; the one here is the widest we allow
    rows = csv.reader(source, delimiter=delimiter or guessed(text.beginning), strict=False)
    width = 0
    while not source.ended:
        start = source.number + 1
        try:
            row = next(rows)
        except csv.Error:
            yield Unreadable(f"row {start}", "a quote that is never closed", ends=source.ended)
            continue
        yield from source.troubles()
        if source.ended and row != [_END]:
            yield Unreadable(f"row {start}", "a quote that is never closed", ends=True)
        elif source.cut and len(row) < width:
            yield Unreadable(f"row {start}", "cut off", ends=True)
        elif not source.ended and row and (len(row) > 1 or row[0].strip()):
            width = len(row)
            yield _line(start, row)
    if text.replaced:
        yield Unreadable(where="file", why=f"{text.replaced} characters not in {text.encoding}")


def guessed(beginning: str) -> str:
    """The delimiter: of the first line that has one, the one it has most of outside quotes."""
    for line in beginning.splitlines()[:20]:
        bare = "".join(line.split('"')[::2])
        count, delimiter = max((bare.count(sign), sign) for sign in DELIMITERS)
        if count:
            return delimiter
    return ","


def _line(number: int, row: list[str]) -> Line:
    cut = len(row) > MOST_COLUMNS or any(len(cell) > MOST_CELL for cell in row)
    cells = tuple(cell[:MOST_CELL] for cell in row[:MOST_COLUMNS]) if cut else tuple(row)
    return Line("", number, cells, cut)


_END = "\x1e"
"""One more line, which is within the last row when a quote in that was never closed."""


class _Lines:
    """Lines of text with their ends, none longer than a limit: a longer one is left out.

    ``cut`` says that the line given last is one without an end, ``ended`` that it was the one that
    follows all others.
    """

    def __init__(self, text: Decoded) -> None:
        self.number = 0
        self.cut = self.ended = False
        self._text = text
        self._troubles: list[Unreadable] = []
        self._found = self._split()

    def __iter__(self) -> Iterator[str]:
        return self._found

    def troubles(self) -> Iterator[Unreadable]:
        """What was left out since this was last asked."""
        troubles, self._troubles = self._troubles, []
        yield from troubles

    def _split(self) -> Iterator[str]:
        pieces: list[str] = []
        size = 0
        for chunk in _one_kind_of_end(self._text):
            parts = chunk.split("\n")
            for part in parts[:-1]:
                pieces.append(part if size < _MOST_LINE else "")
                yield from self._whole(pieces, size + len(part))
                pieces, size = [], 0
            size += len(parts[-1])
            if size <= _MOST_LINE:
                pieces.append(parts[-1])
        if size:
            self.cut = True
            yield from self._whole(pieces, size)
        self.cut, self.ended = False, True
        yield _END

    def _whole(self, pieces: list[str], size: int) -> Iterator[str]:
        self.number += 1
        if size > _MOST_LINE:
            self._troubles.append(Unreadable(f"row {self.number}", "a line longer than is allowed"))
            pieces = []
        yield "".join(pieces) + "\n"


def _one_kind_of_end(chunks: Iterable[str]) -> Iterator[str]:
    """With line feeds where lines end with carriage returns (too)."""
    rest = ""
    for chunk in chunks:
        text = rest + chunk
        rest = "\r" if text.endswith("\r") else ""
        text = text[: len(text) - len(rest)]
        yield text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    yield rest
