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
MOST_DEPTH = 64
MOST_CELLS = 1024
MOST_ROWS_OPEN = 20_000
"""Rows inside of one row, as details are."""

_TAG_NAME = re.compile(r"<(/?)([A-Za-z][^\s/>]{0,100})")
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
    """A window over the page: what was read, and how far it was told."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self._chunks = iter(chunks)
        self._window = ""
        self._at = 0

    def pieces(self) -> Iterator[Piece]:
        while self._at < len(self._window) or self._more():
            if self._window[self._at] != "<":
                yield from self._text()
                continue
            while len(self._window) - self._at < 4 and self._more():
                pass
            if self._window.startswith(("<!", "<?"), self._at):
                self._declaration()
            elif _TAG_NAME.match(self._window, self._at):
                yield from self._tag()
            else:
                self._at += 1
                yield Piece("text", text="<")

    def _more(self) -> bool:
        """Whether there was more to read; it stands in the window now, what was told does not."""
        for chunk in self._chunks:
            if chunk:
                self._window = self._window[self._at :] + chunk
                self._at = 0
                return True
        return False

    def _text(self) -> Iterator[Piece]:
        """All up to the next tag; a reference that may not be all there yet is waited for."""
        while (end := self._window.find("<", self._at)) < 0:
            waiting = "&" in self._window[max(self._at, len(self._window) - 40) :]
            if not waiting or len(self._window) - self._at > MOST_TEXT or not self._more():
                end = len(self._window)
                break
        text = self._window[self._at : end]
        self._at = end
        yield Piece("text", text=html.unescape(text[:MOST_TEXT]), cut=len(text) > MOST_TEXT)

    def _declaration(self) -> None:
        if self._window.startswith("<!--", self._at):
            self._at += 4
            self._skip("-->")
        else:
            self._skip(">")

    def _skip(self, mark: str) -> None:
        """Forget everything up to ``mark`` and it, however far away."""
        while (found := self._window.find(mark, self._at)) < 0:
            self._at = max(self._at, len(self._window) - len(mark) + 1)
            if not self._more():
                self._at = len(self._window)
                return
        self._at = found + len(mark)

    def _tag(self) -> Iterator[Piece]:
        end = self._end_of_tag()
        tag = self._window[self._at : end]
        self._at = end
        found = _TAG_NAME.match(tag)
        name = found[2].lower() if found else ""
        whole = tag.endswith(">")
        if tag.startswith("</"):
            yield Piece("end", name, cut=not whole)
            return
        attributes = _attributes(tag[found.end() :] if found else "")
        yield Piece("start", name, "", attributes, cut=not whole)
        if name in _RAW:
            yield self._raw(name)

    def _end_of_tag(self) -> int:
        """Where the tag that is next in the window ends; quotes may hide a ``>``."""
        while not (found := _TAG.match(self._window, self._at, self._at + MOST_TAG)):
            if len(self._window) - self._at >= MOST_TAG or not self._more():
                break
        if found:
            return found.end()
        most = min(len(self._window), self._at + MOST_TAG)
        bare = self._window.find(">", self._at, most)  # a quote that is never closed
        return bare + 1 if bare >= 0 else most

    def _raw(self, name: str) -> Piece:
        """All up to the end tag of a script: what looks like tags inside is none."""
        kept: list[str] = []
        size, end = 0, re.compile(f"</{name}", re.IGNORECASE)
        while not (found := end.search(self._window, self._at)):
            upto = max(self._at, len(self._window) - len(name) - 1)
            size = self._keep(kept, size, upto)
            if not self._more():
                self._keep(kept, size, len(self._window))
                return Piece("raw", name, _shown(name, kept), cut=True)
        size = self._keep(kept, size, found.start())
        return Piece("raw", name, _shown(name, kept), cut=size > MOST_SCRIPT)

    def _keep(self, kept: list[str], size: int, upto: int) -> int:
        if size < MOST_SCRIPT:
            kept.append(self._window[self._at : upto])
        size += upto - self._at
        self._at = upto
        return size


def _shown(name: str, kept: list[str]) -> str:
    text = "".join(kept)[:MOST_SCRIPT]
    return html.unescape(text[:MOST_TEXT]) if name in ("title", "textarea") else text


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
