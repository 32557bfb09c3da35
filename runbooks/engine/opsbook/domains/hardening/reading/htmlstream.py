"""HTML pages of scanners as pieces and as rows of their tables, streamed and bounded.

Not a browser: tags, attributes and text are told apart the way the HTML standard does for what
reports contain (whatwg HTML, 13.2.5), nothing is run, loaded or repaired. Every step takes time
in proportion to the bytes it reads, also where a tag or a comment never ends. Nothing of the page
is kept but what stands in rows that are still open.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MOST_TAG = 65_536
MOST_TEXT = 262_144
"""Characters of one cell, or of one piece of text, that are kept."""
MOST_SCRIPT = 2**20
"""Characters of one script that are kept."""
MOST_DEPTH = 256
MOST_CELLS = 1024
MOST_ROWS_OPEN = 20_000
"""Rows inside of one row, as details are."""

_NAME = re.compile(r"[A-Za-z][^\s/>]*")
_ATTRIBUTE = re.compile(
    r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""", re.DOTALL
)
_TAG = re.compile(r"""<[^<>"']*+(?:"[^"]*+"[^>"']*+|'[^']*+'[^>"']*+)*+>""")
_RAW = ("script", "style", "textarea", "title")


@dataclass(frozen=True, slots=True)
class Piece:
    """``kind`` is start, end, text or raw (all of a script, a style or a title).

    ``name`` is the name of the element in lower case, ``text`` what there is of text, references
    resolved in text but not in scripts; ``cut`` that there was more.
    """

    kind: str
    name: str = ""
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    cut: bool = False


def pieces(chunks: Iterable[str]) -> Iterator[Piece]:
    """The pieces of a page given in ``chunks`` of text; comments and declarations are left out.

    Where the page ends within a tag or a script, that is given as far as it goes, with ``cut``.
    """
    return _Cutter(chunks).pieces()


class _Cutter:
    """A window over the page: what was read and not yet told."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self._chunks = iter(chunks)
        self._window = ""

    def pieces(self) -> Iterator[Piece]:
        while self._window or self._more():
            if self._window[0] != "<":
                yield from self._text()
            elif self._window.startswith(("<!", "<?")) or "<!".startswith(self._window):
                self._declaration()
            else:
                yield from self._tag()

    def _more(self) -> bool:
        """Whether there was more to read; it stands in the window now."""
        for chunk in self._chunks:
            if chunk:
                self._window += chunk
                return True
        return False

    def _text(self) -> Iterator[Piece]:
        end = self._window.find("<")
        text, self._window = (
            (self._window, "") if end < 0 else (self._window[:end], self._window[end:])
        )
        if end < 0 and "&" in text[-40:]:
            self._window, held = "", text
            if self._more() and len(text) < MOST_TEXT:
                self._window = held + self._window
                return
            text = held
        if text.strip() or "\xa0" in text:
            yield Piece("text", text=html.unescape(text[:MOST_TEXT]), cut=len(text) > MOST_TEXT)

    def _declaration(self) -> None:
        while len(self._window) < 4 and self._more():
            pass
        if self._window.startswith("<!--"):
            self._window = self._window[4:]
            self._skip("-->")
        else:
            self._skip(">")

    def _skip(self, mark: str) -> None:
        """Forget everything up to ``mark`` and it, however far away."""
        while (at := self._window.find(mark)) < 0:
            self._window = self._window[1 - len(mark) :] if len(mark) > 1 else ""
            if not self._more():
                self._window = ""
                return
        self._window = self._window[at + len(mark) :]

    def _tag(self) -> Iterator[Piece]:
        end = self._end_of_tag()
        tag, self._window = self._window[:end], self._window[end:]
        whole = tag.endswith(">")
        closing = tag.startswith("</")
        found = _NAME.match(tag, 2 if closing else 1)
        if not found:
            yield Piece("text", text=tag[:1])
            self._window = tag[1:] + self._window
            return
        name = found[0].lower()
        if closing:
            yield Piece("end", name, cut=not whole)
            return
        yield Piece("start", name, "", _attributes(tag[found.end() :]), cut=not whole)
        if name in _RAW:
            yield self._raw(name)

    def _end_of_tag(self) -> int:
        """Where the tag at the beginning of the window ends; quotes may hide a ``>``."""
        while not (found := _TAG.match(self._window)) and len(self._window) < MOST_TAG:
            if not self._more():
                break
        if found and found.end() <= MOST_TAG:
            return found.end()
        bare = self._window.find(">", 0, MOST_TAG)  # a quote that is never closed
        return bare + 1 if bare >= 0 else min(len(self._window), MOST_TAG)

    def _raw(self, name: str) -> Piece:
        """All up to the end tag of a script: what looks like tags inside is none."""
        kept: list[str] = []
        size, mark = 0, f"</{name}"
        while (at := self._window.lower().find(mark)) < 0:
            keep = len(mark) - 1
            part, self._window = self._window[:-keep], self._window[-keep:]
            if size < MOST_SCRIPT:
                kept.append(part)
            size += len(part)
            if not self._more():
                text = "".join((*kept, self._window))
                self._window = ""
                return Piece("raw", name, text[:MOST_SCRIPT], cut=True)
        kept.append(self._window[:at] if size < MOST_SCRIPT else "")
        self._window = self._window[at:]
        text = "".join(kept)
        if name in ("title", "textarea"):
            text = html.unescape(text[:MOST_TEXT])
        return Piece("raw", name, text[:MOST_SCRIPT], cut=size > MOST_SCRIPT)


def _attributes(tag: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(tag):
        value = next((part for part in match.groups()[1:] if part is not None), "")
        if len(found) < MOST_CELLS:
            found.setdefault(match[1].lower(), html.unescape(value))
    return found


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
    """The outermost rows of the tables of a page; text outside of tables, scripts and titles."""
    builder = _Rows()
    for piece in pieces(chunks):
        yield from builder.take(piece)
    yield from builder.rest()


_MARKS = ("span", "a", "b", "font")
_BREAKS = ("br", "li", "p", "div")


class _Rows:
    """What is open at this point of the page: elements with ids, tables, a row of each table."""

    def __init__(self) -> None:
        self._path: list[tuple[str, str]] = []
        self._tables: list[Row | None] = []
        self._held = 0

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

    def rest(self) -> Iterator[Row]:
        """The row that the page broke off in."""
        while self._tables:
            for row in self._close():
                row.cut = True
                yield row
            self._tables.pop()

    def _start(self, piece: Piece) -> Iterator[Row]:
        name, found = piece.name, piece.attributes
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
