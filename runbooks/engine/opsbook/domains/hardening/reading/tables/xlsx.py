"""XLSX (ECMA-376 part 1, SpreadsheetML) row by row, in memory that does not grow with the file.

The archive's parts are parsed as they are unpacked; texts that cells share are kept in a temporary
file. Formulas are not looked at: a cell's saved value is what is read. A part with a DOCTYPE is
refused, because none of ECMA-376 has one. A merged area has its value in every row it spans.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from opsbook.domains.hardening.reading.tables.lines import MOST_CELL, MOST_COLUMNS, Line, Part
from opsbook.domains.hardening.reading.tables.merged import Spans, column_of, merged
from opsbook.domains.hardening.reading.tables.shared import SharedTexts
from opsbook.domains.hardening.reading.tables.sheetxml import (
    elements,
    fed,
    local,
    parser_for,
    texts,
)
from opsbook.domains.hardening.reading.tables.styles import Styles, plain
from opsbook.domains.hardening.reading.tables.zipparts import Parts, TooMuch
from opsbook.model.finding import Unreadable

_MOST_SHEETS = 1_000

_BROKEN = (expat.ExpatError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError,
           RuntimeError, ValueError, KeyError)  # fmt: skip
"""What reading a damaged or encrypted archive raises (zipfile raises all of these)."""


def lines(stream: BinaryIO) -> Iterator[Part]:
    """The rows of all sheets, in the order of the workbook. ``stream`` can be sought in.

    A sheet that breaks off gives the rows before the break and one Unreadable.
    """
    try:
        book = _Book(Parts(stream))
        book.open()
    except TooMuch as error:
        yield Unreadable(where=error.part or "workbook", why=error.why, ends=True)
        return
    except _BROKEN:
        yield Unreadable(where="workbook", why="not a whole spreadsheet", ends=True)
        return
    with book.texts:
        yield from book.troubles
        for sheet in book.sheets:
            yield from _sheet(book, sheet)


def _sheet(book: _Book, sheet: _Sheet) -> Iterator[Part]:
    where = f"sheet {sheet.name}"
    try:
        yield from _rows(book, sheet)
    except TooMuch as error:
        yield Unreadable(where=where, why=error.why, ends=True)
    except _BROKEN:
        yield Unreadable(where=where, why="cut off or damaged", ends=True)


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    part: str


@dataclass(slots=True)
class _Book:
    """What the sheets of a workbook share."""

    parts: Parts
    sheets: list[_Sheet] = field(default_factory=list)
    styles: Styles = field(default_factory=Styles)
    texts: SharedTexts = field(default_factory=SharedTexts)
    troubles: list[Unreadable] = field(default_factory=list)

    def open(self) -> None:
        """Read everything but the sheets."""
        folder, targets = self._related()
        with self.parts.open(f"{folder}workbook.xml") as part:
            for name, attributes in elements(part, {"sheet", "workbookPr"}):
                self._meant(name, attributes, folder, targets)
        self._styled(f"{folder}styles.xml")
        self._shared(f"{folder}sharedStrings.xml")

    def _related(self) -> tuple[str, dict[str, str]]:
        folder = next((name[: -len("workbook.xml")] for name in self.parts.names
                       if name.lower().endswith("workbook.xml")), "xl/")  # fmt: skip
        targets: dict[str, str] = {}
        if f"{folder}_rels/workbook.xml.rels" in self.parts.names:
            with self.parts.open(f"{folder}_rels/workbook.xml.rels") as part:
                for _, found in elements(part, {"Relationship"}):
                    targets[found.get("Id", "")] = found.get("Target", "")
        return folder, targets

    def _meant(
        self, name: str, found: dict[str, str], folder: str, targets: dict[str, str]
    ) -> None:
        if name == "workbookPr":
            self.styles.since_1904 = found.get("date1904", "") in ("1", "true")
            return
        related = next((value for key, value in found.items() if key.endswith(":id")), "")
        target = targets.get(related) or f"worksheets/sheet{len(self.sheets) + 1}.xml"
        part = target.lstrip("/") if target.startswith("/") else folder + target
        if "chartsheet" not in part and len(self.sheets) < _MOST_SHEETS:
            self.sheets.append(_Sheet(found.get("name", "")[:255], part))

    def _styled(self, name: str) -> None:
        if name not in self.parts.names:
            return
        with self.parts.open(name) as part:
            inside = False
            wanted = {"numFmt", "cellXfs", "cellStyles", "dxfs", "xf"}
            for element, found in elements(part, wanted):
                if element == "numFmt":
                    self.styles.custom(found.get("numFmtId", ""), found.get("formatCode", ""))
                elif element == "xf" and inside:
                    self.styles.add(found.get("numFmtId", "0"))
                elif element != "xf":
                    inside = element == "cellXfs"

    def _shared(self, name: str) -> None:
        if name not in self.parts.names:
            return
        try:
            with self.parts.open(name) as part:
                for text in texts(part):
                    self.texts.add(text)
        except TooMuch as error:
            self.troubles.append(Unreadable(where="shared texts", why=error.why, ends=True))
        except _BROKEN:
            problem = Unreadable(where="shared texts", why="cut off or damaged", ends=True)
            self.troubles.append(problem)


def _rows(book: _Book, sheet: _Sheet) -> Iterator[Line]:
    with book.parts.open(sheet.part) as part:
        spans = Spans(merged(part))
    reader = _Cells(book, sheet.name)
    with book.parts.open(sheet.part) as part:
        for _ in fed(reader.parser, part):
            for line in reader.done():
                yield spans.filled(line)


class _Cells:
    """Expat's handlers for a sheet: cells gather into rows, rows into ``done``."""

    def __init__(self, book: _Book, sheet: str) -> None:
        self.parser = parser_for(self._start, self._end, self._characters)
        self._book = book
        self._sheet = sheet
        self._lines: list[Line] = []
        self._number = 0
        self._row: list[str] = []
        self._column = -1
        self._kind = self._style = ""
        self._text: list[str] = []
        self._size = 0
        self._reading = self._phonetic = self._cut = False

    def done(self) -> list[Line]:
        """The rows that are whole by now; they are handed out once."""
        lines, self._lines = self._lines, []
        return lines

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = local(name)
        if name == "c":
            self._column = column_of(attributes.get("r", ""), self._column + 1)
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._text, self._size = [], 0
        elif name in ("v", "t"):
            self._reading = not self._phonetic
        elif name == "row":
            number = attributes.get("r", "")
            self._number = int(number) if number.isdecimal() else self._number + 1
            self._row, self._column, self._cut = [], -1, False
        elif name == "rPh":
            self._phonetic = True

    def _characters(self, text: str) -> None:
        if self._reading and self._size < MOST_CELL:
            self._text.append(text)
            self._size += len(text)

    def _end(self, name: str) -> None:
        name = local(name)
        if name in ("v", "t"):
            self._reading = False
        elif name == "c":
            self._put()
        elif name == "row":
            if self._row:
                cells = tuple(self._row)
                self._lines.append(Line(self._sheet, self._number, cells, self._cut))
        elif name == "rPh":
            self._phonetic = False

    def _put(self) -> None:
        text = "".join(self._text)[:MOST_CELL]
        self._cut = self._cut or self._size > MOST_CELL
        if not text:
            return
        if self._column >= MOST_COLUMNS:
            self._cut = True
            return
        if (short := self._column + 1 - len(self._row)) > 0:
            self._row.extend([""] * short)
        self._row[self._column] = self._value(text)

    def _value(self, text: str) -> str:
        if self._kind == "s":
            return self._book.texts.get(int(text)) if text.isdecimal() else ""
        if self._kind == "b":
            return "TRUE" if text == "1" else "FALSE"
        if self._kind == "n":
            return plain(text, self._book.styles.kind(self._style), self._book.styles.since_1904)
        return text
