"""XML of any size in flat memory: the wanted elements, one by one, as they are completed.

The parser of the standard library (expat) builds the tree; after each chunk of the file all that is
complete is handed out and taken off it. Rules for hostile files:

- A DOCTYPE is tolerated and cut out before parsing, so no entity is ever declared: ``&lol;`` stays
  as told, nothing is fetched, nothing expands. Names that HTML gives to characters are understood.
- Bytes that are not in the file's encoding and characters XML has no place for become U+FFFD or a
  blank, a lone ``&`` is one, and the rest is read; see :mod:`.xmlbytes`.
- A text goes on being read and is kept only up to a limit. A tag, an element, a depth or a number
  of names beyond its limit ends the reading, which is told.
- A file that ends or breaks in the middle yields what was complete before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.parsers.expat import errors

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
    """Where reading stops. ``element`` is bytes of one wanted element or one tag, ``text`` bytes of
    one text after which no more of it is kept, ``depth`` open elements, ``names`` distinct names
    of elements and attributes that were come across in samples.
    """

    element: int = 4 << 20
    text: int = 1 << 20
    depth: int = 200
    names: int = 5_000


LIMITS = Limits()


class Piece(NamedTuple):
    """A wanted element, complete, and the open elements around it, outermost first.

    Of those only name and attributes are to be relied on. Names of elements are without their
    namespace; for attributes in one there is :func:`attribute`.
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
    """An attribute by its local name, whatever its namespace; "" when there is none."""
    plain = element.get(name)
    if plain is not None:
        return plain
    ending = "}" + name
    return next((text for key, text in element.items() if key.endswith(ending)), "")


def whole_text(element: Element) -> str:
    """All text inside of an element that may contain markup (XHTML in a description)."""
    return "".join(element.itertext())


_PROBE = "opsbook-probe"
_SAMPLED = 31


class _Stream:
    def __init__(self, wanted: frozenset[str], skip: frozenset[str], limits: Limits) -> None:
        self._wanted, self._skip, self._limits = wanted, skip, limits
        self._builder = TreeBuilder()
        self._parser = XMLParser(target=self._builder)  # noqa: S314 - no declaration reaches it
        self._fed = 0
        self._chunks = 0
        self._names: set[str] = set()
        self._spaced = False
        self._open: Element | None = None
        self._standing = 0

    def read(self, stream: BinaryIO) -> Iterator[Piece | Unreadable]:
        cleaned = Cleaned(stream)
        fault: Unreadable | None = None
        try:
            for chunk in cleaned:
                yield from self._chunk(chunk)
            self._parser.close()
        except (Unfit, ParseError) as error:
            fault = _told(error, self._fed)
        try:
            yield from self._left()
        except Unfit as error:
            fault = fault or _told(error, self._fed)
        for why in cleaned.told():
            yield Unreadable("XML", why)
        if fault:
            yield fault

    def _chunk(self, chunk: bytes) -> Iterator[Piece]:
        self._fed += len(chunk)
        within_text = b"<" not in chunk and b">" not in chunk
        if within_text and self._standing > self._limits.text:
            return
        self._parser.feed(chunk)
        self._spaced = self._spaced or b"xmlns" in chunk
        root = self._root()
        if root is not None:
            self._sample(root)
            yield from self._completed(root)
        elif self._fed > self._limits.element:
            raise Unfit("tag too long")

    def _root(self) -> Element | None:
        """The tree as built so far; the builder gives it away at any time."""
        root: Element | None = self._builder.close()
        return root

    def _sample(self, root: Element) -> None:
        """The parser keeps every name it ever met, so a file of nothing but new names must end."""
        self._chunks += 1
        if self._chunks % _SAMPLED == 1:
            for element in root.iter():
                self._names.add(element.tag)
                self._names.update(element.keys())
            if len(self._names) > self._limits.names:
                raise Unfit("too many names")

    def _completed(self, root: Element) -> Iterator[Piece]:
        """All that has an element after it is complete: hand it out and take it off the tree."""
        path: tuple[Element, ...] = ()
        node = root
        hidden = False
        while True:
            self._plain_name(node)
            path = (*path, node)
            if len(path) > self._limits.depth:
                raise Unfit("nested too deep")
            hidden = hidden or node.tag in self._skip
            if not len(node) or (node.tag in self._wanted and not hidden):
                break
            if len(node) > 1:
                if not hidden:
                    yield from self._among(node[:-1], path)
                del node[:-1]
            node = node[-1]
        self._watch(node)

    def _watch(self, innermost: Element) -> None:
        """Bound what one element can hold, or a tag that does not end."""
        if innermost is not self._open:
            self._open, self._standing = innermost, 0
            return
        self._standing += CHUNK
        if self._standing > self._limits.element:
            raise Unfit("element too large")

    def _left(self) -> Iterator[Piece]:
        """Where the file ends, whole or not: all that is complete and was not handed out yet."""
        root = self._root()
        if root is None:
            return
        try:
            innermost = self._builder.start(_PROBE, {})
        except SyntaxError:  # the root is complete
            still_open: frozenset[int] = frozenset()
        else:
            still_open = frozenset(map(id, _last_line(root, innermost)))
        yield from self._among([root], (), still_open)

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
                if self._spaced:
                    _plain_names(element)
                yield Piece(path, element)
            elif not wanted and element.tag not in self._skip and len(element):
                yield from self._among(list(element), (*path, element), still_open)

    def _plain_name(self, element: Element) -> None:
        if self._spaced and element.tag[0] == "{":
            element.tag = element.tag.rpartition("}")[2]


def _plain_names(element: Element) -> None:
    for inner in element.iter():
        if inner.tag[0] == "{":
            inner.tag = inner.tag.rpartition("}")[2]


def _last_line(root: Element, innermost: Element) -> Iterator[Element]:
    """The elements still open: ``root``, its last child, and so on down to the innermost."""
    node = root
    while node is not innermost:
        yield node
        node = node[-1]
    yield node


_UNFINISHED = frozenset(
    errors.codes[name]
    for name in (
        errors.XML_ERROR_NO_ELEMENTS,
        errors.XML_ERROR_UNCLOSED_TOKEN,
        errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
        errors.XML_ERROR_PARTIAL_CHAR,
    )
)


def _told(error: Unfit | ParseError, fed: int) -> Unreadable:
    if isinstance(error, Unfit):
        return Unreadable(f"byte {fed}", str(error), ends=True)
    why = "cut off" if error.code in _UNFINISHED else "not well-formed XML"
    return Unreadable(f"line {error.position[0]}", why, ends=True)
