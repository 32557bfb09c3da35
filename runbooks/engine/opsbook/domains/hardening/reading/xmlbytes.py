"""The bytes of an XML file made fit for the parser: UTF-8, no DOCTYPE, no forbidden characters.

Line numbers stay what they were. A lone ``&`` is written as XML wants it; the names of characters
that HTML has (``&nbsp;``) become those characters, all other names stay as told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.entities import html5
from typing import BinaryIO

from opsbook.domains.hardening.reading.text import Decoder

CHUNK = 131_072
"""Bytes read at a time."""

_PROLOG = 1 << 20
_LONGEST_REFERENCE = 64
_LONGEST_TAG = 1 << 20
_FORBIDDEN = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20)])  # XML 1.0, 2.2
_BLANKED = bytes.maketrans(_FORBIDDEN, b" " * len(_FORBIDDEN))
_NO_CHARACTERS = re.compile("\ufffe|\uffff".encode())
_NOT_XML = re.compile(
    rb"&(?!(?:amp|lt|gt|quot|apos);)"
    rb"(?:#(?P<number>[xX][0-9A-Fa-f]{1,20}|[0-9]{1,20});|(?P<name>[A-Za-z][A-Za-z0-9]{1,31};))?"
)
_KNOWN = (b"lt;", b"gt;", b"amp;", b"quot;", b"apos;")
_BEGUN_REFERENCE = re.compile(rb"&[#A-Za-z0-9]*\Z")
_CDATA, _CDATA_END = b"<![CDATA[", b"]]>"
_DOCTYPE = b"<!DOCTYPE"
_IN_DOCTYPE = re.compile(
    rb""""[^"]*"|'[^']*'|<!--.*?-->|<\?.*?\?>|(?P<mark>[\[\]>])|(?P<unfinished>["']|<!--|<\?)""",
    re.DOTALL,
)
_BUT_LINES = re.compile(rb"[^\n]")


class Unfit(Exception):
    """Reading cannot go on, for this reason."""


class Cleaned:
    """The chunks of ``stream`` for the parser. Raises :class:`Unfit` for an endless prolog."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._entities = False
        self._decoder: Decoder | None = None

    def __iter__(self) -> Iterator[bytes]:
        return map(_Fit(), _whole(self._after_prolog(self._utf8())))

    def told(self) -> Iterator[str]:
        """What was not as it should be in the bytes read so far."""
        if self._entities:
            yield "entities declared, not expanded"
        if self._decoder is not None and self._decoder.replaced:
            yield "bytes in no known encoding"

    def _utf8(self) -> Iterator[bytes]:
        chunk = self._stream.read(CHUNK)
        self._decoder = decoder = Decoder(chunk)
        while chunk:
            yield decoder.utf8(chunk)
            chunk = self._stream.read(CHUNK)
        yield decoder.utf8(b"", final=True)

    def _after_prolog(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        held = b""
        for chunk in chunks:
            held += chunk
            body = self._without_declarations(held)
            if body is not None:
                yield body
                break
            if len(held) > _PROLOG:
                raise Unfit("declarations without end")
        yield from chunks

    def _without_declarations(self, prolog: bytes) -> bytes | None:
        """``prolog`` with its XML declaration and DOCTYPE blanked; None when more is needed."""
        at = 3 if prolog.startswith(b"\xef\xbb\xbf") else 0
        blanked = []
        while True:
            at = len(prolog) - len(prolog[at:].lstrip())
            end = _end_of_declaration(prolog, at)
            if end == at:
                break
            if end < 0:
                return None
            blanked.append((at, end))
            at = end
        for start, end in blanked:
            self._entities = self._entities or b"<!ENTITY" in prolog[start:end]
            prolog = prolog[:start] + _BUT_LINES.sub(b" ", prolog[start:end]) + prolog[end:]
        return prolog.removeprefix(b"\xef\xbb\xbf")


def _end_of_declaration(data: bytes, at: int) -> int:
    """Where the declaration, comment or instruction at ``at`` ends; ``at`` when there is none of
    them, -1 when it goes on beyond ``data``.
    """
    rest = data[at : at + len(_DOCTYPE)]
    if len(rest) < len(_DOCTYPE) and (not rest or _DOCTYPE.startswith(rest.upper())):
        return -1
    if rest.upper() == _DOCTYPE:
        return _end_of_doctype(data, at + len(_DOCTYPE))
    for start, end in ((b"<?", b"?>"), (b"<!--", b"-->")):
        if rest.startswith(start):
            found = data.find(end, at + len(start))
            return found + len(end) if found >= 0 else -1
    return at


def _end_of_doctype(data: bytes, at: int) -> int:
    inside = False
    for token in _IN_DOCTYPE.finditer(data, at):
        if token["unfinished"]:
            return -1
        inside = {b"[": True, b"]": False}.get(token["mark"] or b"", inside)
        if token["mark"] == b">" and not inside:
            return token.end()
    return -1


def _whole(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, no chunk ending within a tag, a reference or a mark of CDATA.

    What is left at the end of the file is a tag that was cut off, and is not handed on.
    """
    kept = b""
    for chunk in chunks:
        data = kept + chunk
        end = len(data)
        tag = data.rfind(b"<")
        if tag >= 0 and b">" not in data[tag:]:
            end = tag
        reference = _BEGUN_REFERENCE.search(data, max(0, end - _LONGEST_REFERENCE), end)
        end = reference.start() if reference else end
        end -= 2 if data.endswith(b"]]", 0, end) else data.endswith(b"]", 0, end)
        if len(data) - end > _LONGEST_TAG:
            raise Unfit("tag too long")
        yield data[:end]
        kept = data[end:]
    yield kept.partition(b"<")[0]


class _Fit:
    """Makes chunk after chunk fit; knows when it is within CDATA, where an ``&`` is free."""

    def __init__(self) -> None:
        self._in_cdata = False

    def __call__(self, chunk: bytes) -> bytes:
        # looking for 28 bytes one after the other is twice as fast as one pass that replaces them
        data = chunk.translate(_BLANKED) if any(map(chunk.__contains__, _FORBIDDEN)) else chunk
        if not data.isascii():
            data = _NO_CHARACTERS.sub("\ufffd".encode(), data)
        if not self._in_cdata and (b"[" not in data or _CDATA not in data):
            return _referring(data)
        return b"".join(self._pieces(data))

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            piece, mark, data = data.partition(_CDATA_END if self._in_cdata else _CDATA)
            yield (piece if self._in_cdata else _referring(piece)) + mark
            self._in_cdata = self._in_cdata != bool(mark)


def _referring(data: bytes) -> bytes:
    """``data`` with every ``&`` in it the beginning of a reference that XML knows."""
    at = data.find(b"&")
    while at >= 0:
        if not data.startswith(_KNOWN, at + 1):
            return _NOT_XML.sub(_meant, data)
        at = data.find(b"&", at + 1)
    return data


def _meant(found: re.Match[bytes]) -> bytes:
    """What an ``&`` stands for that is no reference XML knows (XML 1.0, 2.2, 4.1, 4.6)."""
    number, name = found["number"], found["name"]
    if number:
        code = int(number[1:], 16) if number[:1] in b"xX" else int(number)
        fine = code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD
        return b"&#%d;" % code if fine or 0x10000 <= code <= 0x10FFFF else b" "
    known = html5.get(name.decode(), "") if name else ""
    if known and "<" not in known and "&" not in known:
        return known.encode()
    return b"&amp;" + (name or b"")
