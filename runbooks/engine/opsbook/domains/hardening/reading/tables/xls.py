"""Old spreadsheets (BIFF in an OLE2 file, or bare BIFF), read by xlrd.

Such a file has at most 65,536 rows to a sheet and is held in memory whole, so its size is limited;
with that limit xlrd needs some 250 MB at most. xlrd reads saved values only and runs nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from opsbook.domains.hardening.reading.tables.lines import MOST_CELL, MOST_COLUMNS, Line, Part
from opsbook.domains.hardening.reading.tables.styles import plain
from opsbook.model.finding import Unreadable

MOST_BYTES = 64 * 2**20
_MOST_SHEETS = 1_000
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def lines(stream: BinaryIO, encoding: str | None = None) -> Iterator[Part]:
    """The rows of all sheets. ``encoding`` overrides the code page of files before Excel 97."""
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        yield Unreadable(where="workbook", why="larger than is allowed", ends=True)
        return
    book = _book(data, encoding)
    if isinstance(book, Unreadable):
        yield book
        return
    for number in range(min(book.nsheets, _MOST_SHEETS)):
        yield from _sheet(book, number)


def _book(data: bytes, encoding: str | None) -> Any:
    import xlrd

    try:
        return xlrd.open_workbook(file_contents=data, on_demand=True, ragged_rows=True,
                                  logfile=io.StringIO(), encoding_override=encoding)  # fmt: skip
    except Exception as error:  # xlrd raises nearly everything there is for damaged files
        locked = _ENCRYPTED in data or "ncrypted" in str(error)
        why = "locked with a password" if locked else "not a whole spreadsheet"
        return Unreadable(where="workbook", why=why, ends=True)


def _sheet(book: Any, number: int) -> Iterator[Part]:
    name = ""
    try:
        name = str(book.sheet_names()[number])[:255]
        sheet = book.sheet_by_index(number)
        for row in range(sheet.nrows):
            if line := _line(sheet, row, name, book.datemode == 1):
                yield line
        book.unload_sheet(number)
    except Exception:  # as above
        yield Unreadable(where=f"sheet {name}", why="cut off or damaged", ends=True)


def _line(sheet: Any, row: int, name: str, since_1904: bool) -> Line | None:
    found = sheet.row(row)
    cells = [_text(cell, since_1904) for cell in found[:MOST_COLUMNS]]
    cut = len(found) > MOST_COLUMNS or any(len(cell) > MOST_CELL for cell in cells)
    cells = [cell[:MOST_CELL] for cell in cells]
    return Line(name, row + 1, tuple(cells), cut) if any(cells) else None


_NUMBER, _DATE, _BOOLEAN, _ERROR = 2, 3, 4, 5  # xlrd.biffh.XL_CELL_*


def _text(cell: Any, since_1904: bool) -> str:
    if cell.ctype == _NUMBER:
        return plain(repr(cell.value), "")
    if cell.ctype == _DATE:
        return plain(repr(cell.value), "date", since_1904)
    if cell.ctype == _BOOLEAN:
        return "TRUE" if cell.value else "FALSE"
    if cell.ctype == _ERROR:
        return ""
    return str(cell.value)
