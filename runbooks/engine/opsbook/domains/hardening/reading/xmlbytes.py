"""The bytes of an XML file made fit for the parser: UTF-8, no DOCTYPE, no forbidden characters.

What is cut or blanked is told by :meth:`Cleaned.told`. Line numbers stay what they were.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from opsbook.domains.hardening.reading.text import Decoder

CHUNK = 65_536
"""Bytes read at a time."""

_PROLOG = 1 << 20
_LONGEST_REFERENCE = 64
_FORBIDDEN = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20)])  # XML 1.0, 2.2
_BLANKED = bytes.maketrans(_FORBIDDEN, b" " * len(_FORBIDDEN))
_NO_CHARACTERS = re.compile("\ufffe|\uffff".encode())
_REFERENCE = re.compile(rb"&#(?:x([0-9A-Fa-f]{1,40})|([0-9]{1,40}));")
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
        chunks = _whole_references(self._after_prolog(self._utf8()))
        return map(_fit, chunks)

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


def _whole_references(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, no chunk ending within a reference like ``&#x1b;``."""
    kept = b""
    for chunk in chunks:
        data = kept + chunk
        at = data.rfind(b"&", max(0, len(data) - _LONGEST_REFERENCE))
        at = len(data) if at < 0 or b";" in data[at:] else at
        yield data[:at]
        kept = data[at:]
    yield kept


def _fit(data: bytes) -> bytes:
    data = data.translate(_BLANKED)
    if b"&#" in data:
        data = _REFERENCE.sub(_allowed, data)
    return data if data.isascii() else _NO_CHARACTERS.sub("\ufffd".encode(), data)


def _allowed(reference: re.Match[bytes]) -> bytes:
    """The reference when it is to a character that XML may contain (XML 1.0, 2.2), else a blank."""
    digits = reference[1] or reference[2]
    number = int(digits, 16 if reference[1] else 10)
    fine = number in (9, 10, 13) or 0x20 <= number <= 0xD7FF or 0xE000 <= number <= 0xFFFD
    return reference[0] if fine or 0x10000 <= number <= 0x10FFFF else b" "
