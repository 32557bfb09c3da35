"""XML of any size in flat memory: the wanted elements, one by one, as they are completed.

lxml (libxml2) builds the tree; after each chunk of the file all that is complete is handed out and
taken off it. An element is lxml's, which behaves like one of :mod:`xml.etree` and is typed as one;
it is gone when the next is asked for. Rules for hostile files:

- A DOCTYPE is tolerated and cut out before parsing, so no entity is ever declared: ``&lol;`` stays
  as told, nothing is fetched, nothing expands. Names that HTML gives to characters are understood.
- Bytes that are not in the file's encoding and characters XML has no place for become U+FFFD or a
  blank, a lone ``&`` is one, and the rest is read; see :mod:`.xmlbytes`.
- A text goes on being read and is kept only up to a limit. A tag, an element, a depth or a number
  of names beyond its limit ends the reading, which is told.
- A file that ends or breaks in the middle yields what was complete before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, cast
from xml.etree.ElementTree import Element

from opsbook.domains.hardening.reading.xmlbytes import CHUNK, Cleaned, Unfit
from opsbook.model.finding import Unreadable

__all__ = [
    "LIMITS",
    "Element",
    "Limits",
    "Piece",
    "attribute",
    "child",
    "named",
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
    namespace, except where an inner element has another one; :func:`child`, :func:`value` and
    :func:`values` find those too, and :func:`attribute` attributes.
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
    return next(_children(element, name), None)


def value(element: Element, name: str) -> str:
    """The text of the first child of that name, "" when there is none."""
    found = next(_children(element, name), None)
    return (found.text or "") if found is not None else ""


def values(element: Element, name: str) -> list[str]:
    """The texts of all children of that name that have one."""
    return [found.text for found in _children(element, name) if found.text]


def named(element: Any, *names: str) -> Iterator[Element]:
    """The children of these names that have no namespace, in the order of the file; the quickest
    way to find several.
    """
    return element.iterchildren(*names)  # type: ignore[no-any-return]


def _children(element: Any, name: str) -> Iterator[Element]:
    if isinstance(element, Element):  # one that a reader made itself
        return element.iterfind("{*}" + name)
    return cast(Iterator[Element], element.iterchildren("{*}" + name))


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
_LIMIT_OF_PARSER = 114  # XML_ERR_RESOURCE_LIMIT
_ROOT = re.compile(rb"(?:\s|<!--.*?-->|<\?.*?\?>)*<(?:[^\s<>/:]+:)?([^\s<>/:]{1,200})[\s/>]", re.S)


class _Stream:
    def __init__(self, wanted: frozenset[str], skip: frozenset[str], limits: Limits) -> None:
        self._wanted, self._skip, self._limits = wanted, skip, limits
        self._parser: Any = None
        self._root: Element | None = None
        self._begun = b""
        self._fed = 0
        self._chunks = 0
        self._names: set[str] = set()
        self._open: Element | None = None
        self._standing = 0

    def read(self, stream: BinaryIO) -> Iterator[Piece | Unreadable]:
        from lxml.etree import XMLSyntaxError

        cleaned = Cleaned(stream)
        fault: Unreadable | None = None
        try:
            for chunk in cleaned:
                yield from self._chunk(chunk)
            still_open = self._end()
        except Unfit as error:
            fault, still_open = self._told(str(error)), self._guessed()
        except XMLSyntaxError as error:
            fault, still_open = self._broken(error), self._guessed()
        else:
            fault = self._told("cut off") if still_open or self._root is None else None
        try:
            yield from self._left(still_open)
        except Unfit as error:
            fault = fault or self._told(str(error))
        for why in cleaned.told():
            yield Unreadable("XML", why)
        if fault:
            yield fault

    def _chunk(self, chunk: bytes) -> Iterator[Piece]:
        self._fed += len(chunk)
        within_text = b"<" not in chunk and b">" not in chunk
        if within_text and self._standing > self._limits.text:
            return
        self._feed(chunk)
        if self._root is not None:
            self._sample(self._root)
            yield from self._completed(self._root)
        elif self._fed > self._limits.element:
            raise Unfit("tag too long")

    def _feed(self, chunk: bytes) -> None:
        """The parser tells of the root element, for which its name has to be known before."""
        if self._parser is None:
            self._begun += chunk
            found = _ROOT.match(self._begun)
            if found is None:
                if not b"<".startswith(self._begun.lstrip()[:1]):
                    raise Unfit("not well-formed XML")
                return
            self._parser, chunk = _parser(found[1].decode()), self._begun
        try:
            self._parser.feed(chunk)
        finally:
            for _, element in self._parser.read_events():
                self._root = element if self._root is None else self._root

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
        while len(node):
            name = _local(node.tag)
            hidden = hidden or name in self._skip
            if name in self._wanted and not hidden:
                break
            if name != node.tag:
                node.tag = name
            path = (*path, node)
            if len(path) > self._limits.depth:
                raise Unfit("nested too deep")
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

    def _end(self) -> frozenset[Element]:
        """The elements that are still open where the file ends, found by adding one more."""
        from lxml.etree import XMLSyntaxError

        if self._root is None:
            return frozenset()
        try:
            self._parser.feed(f"<{_PROBE}/>".encode())
        except XMLSyntaxError:
            return frozenset()
        probe = next(self._root.iter(_PROBE), None)
        if probe is None:
            return self._guessed() | {self._root}
        return frozenset(cast(Any, probe).iterancestors()) | {probe}

    def _guessed(self) -> frozenset[Element]:
        """The elements that may be open: the last one of each level, unless text follows it."""
        found: list[Element] = []
        node = self._root
        while node is not None and node.tail is None:
            found.append(node)
            node = node[-1] if len(node) else None
        return frozenset(found)

    def _left(self, still_open: frozenset[Element]) -> Iterator[Piece]:
        """Where the file ends, whole or not: all that is complete and was not handed out yet."""
        if self._root is not None:
            yield from self._among([self._root], (), still_open)

    def _among(
        self,
        elements: list[Element],
        path: tuple[Element, ...],
        still_open: frozenset[Element] = frozenset(),
    ) -> Iterator[Piece]:
        if len(path) > self._limits.depth:
            raise Unfit("nested too deep")
        for element in elements:
            name = _local(element.tag)
            wanted = name in self._wanted
            if wanted and element not in still_open:
                if name != element.tag:
                    _plain_names(element)
                yield Piece(path, element)
            elif not wanted and name not in self._skip and len(element):
                if name != element.tag:
                    element.tag = name
                yield from self._among(list(element), (*path, element), still_open)

    def _told(self, why: str) -> Unreadable:
        return Unreadable(f"byte {self._fed}", why, ends=True)

    def _broken(self, error: Any) -> Unreadable:
        if error.code == _LIMIT_OF_PARSER:
            return self._told("nested too deep" if "depth" in error.msg else "element too large")
        return Unreadable(f"line {error.position[0]}", "not well-formed XML", ends=True)


def _parser(root: str) -> Any:
    """A parser to feed: no network, no DTD, no entity, and libxml2's own limits in force."""
    from lxml.etree import XMLPullParser

    return XMLPullParser(
        events=("start",),
        tag="{*}" + root,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _plain_names(element: Element) -> None:
    """Take the namespace of ``element`` off its name, and off the names inside of it."""
    space, end, _ = element.tag.rpartition("}")
    if end:
        for inner in element.iter(f"{space}}}*"):
            inner.tag = _local(inner.tag)


def _local(name: str) -> str:
    """A name without its namespace, or without a prefix that nothing declares."""
    return name.rpartition("}")[2].rpartition(":")[2] if ":" in name or name[0] == "{" else name
