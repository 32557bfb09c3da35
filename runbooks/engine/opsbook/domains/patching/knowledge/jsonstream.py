"""Reading one huge JSON object member by member, in memory that a single member bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

MOST_CHARACTERS = 600 * 2**20
MOST_OF_ONE_MEMBER = 32 * 2**20
MOST_DEPTH = 50
_CHUNK = 2**20

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\r\n]*")
_SIGNS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{}\[\]]', re.DOTALL)
"""A text or a bracket outside of texts; the group is empty when the text does not end here."""
_LONGEST_NAME = 2**16


class TooLarge(ValueError):
    """The file or one of its members is larger than any real one."""


def members(stream: TextIO) -> Iterator[tuple[str, Any]]:
    """Name and value of each member of the one object in ``stream``; values are objects.

    Raises ValueError when it is something else, TooLarge, UnicodeDecodeError and whatever
    reading the stream raises.
    """
    window = _Window(stream)
    window.take("{")
    while window.next_sign() == '"':
        name = window.name()
        window.take(":")
        yield name, window.object()
        if window.next_sign() != ",":
            break
        window.take(",")
        if window.next_sign() != '"':
            raise ValueError("a comma is followed by a name")
    window.take("}")
    if window.next_sign():
        raise ValueError("something follows the object")


class _Window:
    """What was read and not yet used; grows only while one member needs it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._read = 0
        self._text = ""
        self._at = 0

    def next_sign(self) -> str:
        """The next character that is no blank, not yet taken; "" at the end."""
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, sign: str) -> None:
        """Go behind ``sign``."""
        if self.next_sign() != sign:
            raise ValueError(f"expected {sign}")
        self._at += 1

    def name(self) -> str:
        """The text that begins here."""
        while True:
            found = _SIGNS.match(self._text, self._at)
            if found and found.group(1):
                self._at = found.end()
                return str(json.loads(found.group()))
            if len(self._text) - self._at > _LONGEST_NAME or not self._more():
                raise ValueError("a name does not end")

    def object(self) -> Any:
        """The object that begins here, decoded once its closing brace is there."""
        if self.next_sign() != "{":
            raise ValueError("expected an object")
        end = self._end_of_object()
        value = _DECODER.raw_decode(self._text, self._at)[0]
        self._at = end
        return value

    def _end_of_object(self) -> int:
        """Index behind the brace that closes the object; reads on as far as needed."""
        depth, place = 0, self._at
        while True:
            for sign in _SIGNS.finditer(self._text, place):
                mark = sign.group()
                if sign.group(1) == "":
                    place = sign.start()
                    break
                depth += (mark in "{[") - (mark in "}]")
                if depth > MOST_DEPTH:
                    raise ValueError("nested too deeply")
                place = sign.end()
                if depth == 0:
                    return place
            else:
                place = len(self._text)
            behind = place - self._at
            if not self._more():
                raise ValueError("an object does not end")
            place = self._at + behind

    def _more(self) -> bool:
        """Read on; False at the end. What was used is let go."""
        chunk = self._stream.read(_CHUNK)
        self._read += len(chunk)
        if self._read > MOST_CHARACTERS or len(self._text) - self._at > MOST_OF_ONE_MEMBER:
            raise TooLarge
        self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)
