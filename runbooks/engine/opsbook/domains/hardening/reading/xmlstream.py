"""XML of any size in flat memory: the wanted elements, one by one, as they are completed.

expat parses, the tree builder of the standard library keeps what is open; after each chunk of the
file all that is complete is handed out and taken off the tree. Rules for hostile files:

- A DOCTYPE is tolerated and cut out before parsing, so no entity is ever declared: ``&lol;`` stays
  as told, nothing is fetched, nothing expands (XML 1.0, 4.1 lets a processor skip entities that
  an external subset could have declared). The names that HTML gives to characters are understood.
- Bytes that are not in the file's encoding and characters XML has no place for become U+FFFD or a
  blank, and the rest is read; see :mod:`.text` for encodings.
- A text goes on being read and is kept only up to a limit. A tag, an element, a depth or a number
  of names beyond its limit ends the reading, which is told.
- A file that ends or breaks in the middle yields what was complete before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5
from typing import BinaryIO
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from opsbook.domains.hardening.reading.xmlbytes import CHUNK, Cleaned, Unfit
from opsbook.model.finding import Unreadable

__all__ = [
    "LIMITS",
    "Element",
    "Limits",
    "Piece",
    "attribute",
    "child",
    "pieces",
    "value",
    "values",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where reading stops. ``tag`` and ``element`` are bytes of markup, ``text`` bytes of one text
    after which no more of it is kept, ``depth`` open elements, ``names`` distinct names.
    """

    tag: int = 4 << 20
    element: int = 4 << 20
    text: int = 1 << 20
    depth: int = 200
    names: int = 50_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Piece:
    """A wanted element, complete, and the open elements around it, outermost first.

    Of those only name and attributes are to be relied on. All names are without a prefix, except
    those of attributes.
    """

    path: tuple[Element, ...]
    element: Element

    def within(self, name: str) -> Element | None:
        """The nearest element of that name around this one."""
        return next((outer for outer in reversed(self.path) if outer.tag == name), None)


def pieces(
    stream: BinaryIO,
    wanted: frozenset[str],
    *,
    skip: frozenset[str] = frozenset(),
    limits: Limits = LIMITS,
) -> Iterator[Piece | Unreadable]:
    """The elements of the ``wanted`` local names, in the order of the file, none inside another.

    Elements named in ``skip`` are not looked into. An :class:`Unreadable` that ends is the last.
    """
    return _Stream(wanted, skip, limits).read(stream)


def child(element: Element, name: str) -> Element | None:
    """The first child of that name."""
    return element.find(name)


def value(element: Element, name: str) -> str:
    """The text of the first child of that name, "" when there is none."""
    return element.findtext(name) or ""


def values(element: Element, name: str) -> list[str]:
    """The texts of all children of that name that have one."""
    return [found.text for found in element.findall(name) if found.text]


def attribute(element: Element, name: str) -> str:
    """An attribute by its local name, whatever its prefix; "" when there is none."""
    plain = element.get(name)
    if plain is not None:
        return plain
    ending = ":" + name
    return next((text for key, text in element.items() if key.endswith(ending)), "")


def whole_text(element: Element) -> str:
    """All text inside of an element that may contain markup (XHTML in a description)."""
    return "".join(element.itertext())


_PROBE = "opsbook-probe"


class _Stream:
    def __init__(self, wanted: frozenset[str], skip: frozenset[str], limits: Limits) -> None:
        self._wanted, self._skip, self._limits = wanted, skip, limits
        self._builder = TreeBuilder()
        self._root: Element | None = None
        self._fed = 0
        self._names = 0
        self._prefixed = False
        self._open: Element | None = None
        self._standing = 0
        self._parser = expat.ParserCreate("utf-8", None)
        self._parser.UseForeignDTD(True)
        self._parser.StartElementHandler = self._first
        self._parser.EndElementHandler = self._builder.end
        self._parser.CharacterDataHandler = self._builder.data
        self._parser.DefaultHandler = self._other

    def read(self, stream: BinaryIO) -> Iterator[Piece | Unreadable]:
        cleaned = Cleaned(stream)
        fault: str | None = None
        try:
            yield from self._all(cleaned)
        except (Unfit, expat.ExpatError) as error:
            fault = str(error) if isinstance(error, Unfit) else _why(error)
        line = self._parser.CurrentLineNumber
        try:
            yield from self._left()
        except Unfit as error:
            fault = fault or str(error)
        for why in cleaned.told():
            yield Unreadable("XML", why)
        if fault:
            yield Unreadable(f"line {line}", fault, ends=True)

    def _all(self, cleaned: Cleaned) -> Iterator[Piece]:
        for chunk in cleaned:
            self._feed(chunk, final=False)
            yield from self._completed()
        self._feed(b"", final=True)

    def _feed(self, chunk: bytes, *, final: bool) -> None:
        self._parser.Parse(chunk, final)
        self._fed += len(chunk)
        if self._fed - max(self._parser.CurrentByteIndex, 0) > self._limits.tag:
            raise Unfit("tag too long")
        known = self._parser.intern
        if len(known) != self._names:
            self._names = len(known)
            self._prefixed = self._prefixed or any(":" in name for name in known)
            if self._names > self._limits.names:
                raise Unfit("too many names")

    def _completed(self) -> Iterator[Piece]:
        """All that has an element after it is complete: hand it out and take it off the tree."""
        path: list[Element] = []
        node = self._root
        hidden = False
        while node is not None:
            self._plain_name(node)
            path.append(node)
            if len(path) > self._limits.depth:
                raise Unfit("nested too deep")
            hidden = hidden or node.tag in self._skip
            if not len(node) or (node.tag in self._wanted and not hidden):
                break
            if len(node) > 1:
                if not hidden:
                    yield from self._among(node[:-1], tuple(path))
                del node[:-1]
            node = node[-1]
        if path:
            self._watch(path[-1])

    def _watch(self, innermost: Element) -> None:
        """Bound what one open element can hold: its text is let go of, its markup ends reading."""
        if innermost is not self._open:
            self._open, self._standing = innermost, 0
            return
        if self._parser.CharacterDataHandler is None:
            return
        self._standing += CHUNK
        if self._standing > self._limits.element:
            raise Unfit("element too large")
        if self._standing % self._limits.text == 0:
            self._let_go_of_text()

    def _let_go_of_text(self) -> None:
        """Until the next tag no text is kept."""
        parser, builder = self._parser, self._builder

        def start(name: str, attributes: dict[str, str]) -> None:
            resume()
            builder.start(name, attributes)

        def end(name: str) -> None:
            resume()
            builder.end(name)

        def resume() -> None:
            parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
            parser.CharacterDataHandler = builder.data

        parser.CharacterDataHandler = None
        parser.StartElementHandler, parser.EndElementHandler = start, end

    def _left(self) -> Iterator[Piece]:
        """Where the file ends, whole or not: all that is complete and was not handed out yet."""
        if self._root is None:
            return
        try:
            innermost = self._builder.start(_PROBE, {})
        except SyntaxError:  # the root is complete
            still_open: frozenset[int] = frozenset()
        else:
            still_open = frozenset(map(id, _last_line(self._root, innermost)))
        yield from self._among([self._root], (), still_open)

    def _among(
        self,
        elements: list[Element],
        path: tuple[Element, ...],
        still_open: frozenset[int] = frozenset(),
    ) -> Iterator[Piece]:
        if len(path) > self._limits.depth:
            raise Unfit("nested too deep")
        for element in elements:
            self._plain_name(element)
            wanted, is_open = element.tag in self._wanted, id(element) in still_open
            if wanted and not is_open:
                if self._prefixed:
                    _plain_names(element)
                yield Piece(path, element)
            elif not wanted and element.tag not in self._skip and len(element):
                yield from self._among(list(element), (*path, element), still_open)

    def _plain_name(self, element: Element) -> None:
        if self._prefixed and ":" in element.tag:
            element.tag = element.tag.rpartition(":")[2]

    def _first(self, name: str, attributes: dict[str, str]) -> None:
        self._root = self._builder.start(name, attributes)
        self._parser.StartElementHandler = self._builder.start

    def _other(self, data: str) -> None:
        """A reference to an entity: nothing declared it, so it stays, or is a character of HTML."""
        if self._root is not None and data.startswith("&") and self._parser.CharacterDataHandler:
            self._builder.data(html5.get(data[1:], data))


def _plain_names(element: Element) -> None:
    for inner in element.iter():
        if ":" in inner.tag:
            inner.tag = inner.tag.rpartition(":")[2]


def _last_line(root: Element, innermost: Element) -> Iterator[Element]:
    """The elements still open: ``root``, its last child, and so on down to the innermost."""
    node = root
    while node is not innermost:
        yield node
        node = node[-1]
    yield node


def _why(fault: expat.ExpatError) -> str:
    unfinished = {
        expat.errors.codes[name]
        for name in (
            expat.errors.XML_ERROR_NO_ELEMENTS,
            expat.errors.XML_ERROR_UNCLOSED_TOKEN,
            expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
            expat.errors.XML_ERROR_PARTIAL_CHAR,
        )
    }
    return "cut off" if fault.code in unfinished else "not well-formed XML"
