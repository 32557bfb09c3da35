"""Tables of HTML pages as rows: many a ``.xls`` that a web page hands out is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from opsbook.domains.hardening.reading.htmlrows import Row, broken_off, rows
from opsbook.domains.hardening.reading.tables.encoding import Decoded
from opsbook.domains.hardening.reading.tables.lines import MOST_CELL, Line, Part
from opsbook.model.finding import Unreadable


def lines(stream: BinaryIO, encoding: str | None = None) -> Iterator[Part]:
    """The rows of all tables of the page; each table that begins with other columns than the
    one before is found out by who reads them.
    """
    text = Decoded(stream, encoding)
    number = 0
    for found in rows(text):
        if not isinstance(found, Row):
            yield from broken_off(found)
            continue
        for row in found.everything():
            number += 1
            cells = tuple(" ".join(cell.text.split("\xa0")).strip()[:MOST_CELL]
                          for cell in row.cells)  # fmt: skip
            if any(cells):
                yield Line("", number, cells, row.cut)
        if found.cut:
            yield Unreadable(where=f"row {number}", why="cut off or damaged", ends=True)
    if text.replaced:
        yield Unreadable(where="file", why=f"{text.replaced} characters not in {text.encoding}")
