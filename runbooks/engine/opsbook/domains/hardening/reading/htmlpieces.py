"""HTML pages of scanners as tags and text, streamed and bounded.

Not a browser: tags, attributes and text are told apart the way the HTML standard does for what
reports contain (whatwg HTML, 13.2.5), nothing is run, loaded or repaired. Every step takes time
in proportion to the bytes it reads, also where a tag or a comment never ends.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MOST_TAG = 65_536
MOST_ATTRIBUTES = 1024
MOST_TEXT = 262_144
"""Characters of one cell, or of one piece of text, that are kept."""
MOST_SCRIPT = 2**20
"""Characters of one script that are kept."""

_TAG_NAME = re.compile(r"<(/?)([A-Za-z][^\s/>]{0,100})")
_BARE = re.compile("<+(?=<)|<")
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
                yield self._bare()

    def _bare(self) -> Piece:
        """Signs that begin no tag, all but the last of a row of them at once."""
        found = _BARE.match(self._window, self._at)
        self._at += len(text := found[0] if found else "<")
        return Piece("text", text=text)

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
        if len(found) < MOST_ATTRIBUTES:
            found.setdefault(match[1].lower(), html.unescape(value))
    return found
