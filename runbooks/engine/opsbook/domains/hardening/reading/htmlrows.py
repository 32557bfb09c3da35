"""HTML pages of scanners as rows of their tables, streamed and bounded.

Nothing of the page is kept but what stands in rows that are still open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from opsbook.domains.hardening.reading.htmlpieces import MOST_TEXT, Piece, pieces
from opsbook.model.finding import Unreadable

BROKEN_OFF = Piece("end", "html", cut=True)

MOST_DEPTH = 64
MOST_CELLS = 1024
MOST_ROWS_OPEN = 20_000
"""Rows inside of one row, as details are."""


@dataclass(slots=True)
class Marked:
    """A span or link inside of a cell: its class, what it does when clicked, its text."""

    classes: str
    click: str
    text: str = ""


@dataclass(slots=True)
class Cell:
    """A cell's own text, without that of tables inside of it; ``head`` where it is a ``th``."""

    head: bool
    classes: str = ""
    marked: list[Marked] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    _said: list[str] = field(default_factory=list)
    _size: int = 0

    @property
    def text(self) -> str:
        """What stands in it, blanks as they are."""
        return "".join(self._said)

    def say(self, text: str) -> None:
        """Add ``text``, and give it to the link or span that has none yet."""
        if self._size < MOST_TEXT:
            self._said.append(text)
            self._size += len(text)
        if self.marked and text.strip() and not self.marked[-1].text:
            self.marked[-1].text = text.strip()

    def mark(self, classes: str, click: str) -> None:
        """A span or link begins."""
        if len(self.marked) < MOST_CELLS:
            self.marked.append(Marked(classes, click))

    def show(self, source: str) -> None:
        """An image."""
        if len(self.images) < MOST_CELLS:
            self.images.append(source[:1024])


@dataclass(slots=True)
class Row:
    """A row of a table, told when it ends, with the rows of tables inside of it.

    ``within`` are the ids of the elements around it, from the outside in. ``cut`` says that the
    page ended in the middle of it, or that it had more inside than is kept.
    """

    id: str
    classes: tuple[str, ...]
    within: tuple[str, ...]
    cells: list[Cell] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    cut: bool = False

    def everything(self) -> Iterator[Row]:
        """This row and all rows inside of it, from the outside in."""
        yield self
        for row in self.rows:
            yield from row.everything()


def rows(chunks: Iterable[str]) -> Iterator[Row | Piece]:
    """The outermost rows of the tables of a page; text outside of tables, scripts and titles.

    :data:`BROKEN_OFF` is the last where the page ended within its body or a table, but no row.
    """
    builder = _Rows()
    for piece in pieces(chunks):
        yield from builder.take(piece)
    yield from builder.rest()


def broken_off(found: Piece) -> Iterator[Unreadable]:
    """What is to be told of a piece: nothing but that the page broke off."""
    if found is BROKEN_OFF:
        yield Unreadable("the page", "cut off", ends=True)


_MARKS = ("span", "a", "b", "font")
_WHOLE = ("html", "body")
_BREAKS = ("br", "li", "p", "div")


class _Rows:
    """What is open at this point of the page: elements with ids, tables, a row of each table."""

    def __init__(self) -> None:
        self._path: list[tuple[str, str]] = []
        self._tables: list[Row | None] = []
        self._held = 0
        self._within = False

    def take(self, piece: Piece) -> Iterator[Row | Piece]:
        if piece.kind == "start":
            yield from self._start(piece)
        elif piece.kind == "end":
            yield from self._end(piece.name)
        elif piece.kind == "raw" and piece.name in ("script", "title"):
            yield piece
        elif piece.kind == "text":
            if cell := self._cell():
                cell.say(piece.text)
            elif piece.text.strip():
                yield piece

    def rest(self) -> Iterator[Row | Piece]:
        """The row that the page broke off in, or that it did so elsewhere."""
        broken_off = self._within or bool(self._tables)
        while self._tables:
            for row in self._close():
                row.cut, broken_off = True, False
                yield row
            self._tables.pop()
        if broken_off:
            yield BROKEN_OFF

    def _start(self, piece: Piece) -> Iterator[Row]:
        name, found = piece.name, piece.attributes
        self._within = self._within or name in _WHOLE
        if name in ("div", "table") and len(self._path) < MOST_DEPTH:
            self._path.append((name, found.get("id", "")))
        if name == "table" and len(self._tables) < MOST_DEPTH:
            self._tables.append(None)
        elif name == "tr":
            yield from self._row(found)
        elif name in ("td", "th"):
            self._new_cell(name, found)
        elif cell := self._cell():
            if name in _MARKS:
                cell.mark(found.get("class", ""), found.get("onclick", ""))
            elif name == "img":
                cell.show(found.get("src", ""))
            elif name in _BREAKS:
                cell.say("\n")

    def _row(self, found: dict[str, str]) -> Iterator[Row]:
        yield from self._close()  # HTML needs no </tr>
        if not self._tables:
            self._tables.append(None)
        within = tuple(identity for _, identity in self._path if identity)
        self._tables[-1] = Row(found.get("id", ""), tuple(found.get("class", "").split()), within)

    def _new_cell(self, name: str, found: dict[str, str]) -> None:
        row = self._tables[-1] if self._tables else None
        if row and len(row.cells) < MOST_CELLS:
            row.cells.append(Cell(name == "th", found.get("class", "")))

    def _end(self, name: str) -> Iterator[Row]:
        self._within = self._within and name not in _WHOLE
        if name == "tr":
            yield from self._close()
        elif name == "table" and self._tables:
            yield from self._close()
            self._tables.pop()
        if name in ("div", "table"):
            self._leave(name)

    def _leave(self, name: str) -> None:
        """Close the nearest ``name``; a ``</div>`` inside of a table closes none outside of it."""
        for at in range(len(self._path) - 1, -1, -1):
            if self._path[at][0] == name:
                del self._path[at:]
                return
            if self._path[at][0] == "table":
                return

    def _close(self) -> Iterator[Row]:
        """End the open row of the innermost table: it goes to the row around it, or out."""
        row = self._tables[-1] if self._tables else None
        if row is None:
            return
        self._tables[-1] = None
        around = next((outer for outer in reversed(self._tables[:-1]) if outer), None)
        if around is None:
            self._held = 0
            yield row
        elif self._held < MOST_ROWS_OPEN:
            self._held += 1
            around.rows.append(row)
        else:
            around.cut = True

    def _cell(self) -> Cell | None:
        row = next((row for row in reversed(self._tables) if row), None)
        return row.cells[-1] if row and row.cells else None
