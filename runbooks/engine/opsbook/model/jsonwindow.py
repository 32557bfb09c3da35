"""The part of a JSON text that was read and not yet used: values are cut out of it one by one."""

from __future__ import annotations

import json
import re
from typing import Any, Protocol

MOST_DEPTH = 50
_CHUNK = 2**20

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\r\n]*")
_SIGNS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{}\[\]]', re.DOTALL)
"""A text or a bracket outside of texts; the group is empty when the text does not end here."""
_REST_OF_TEXT = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_WORD = re.compile(r"[^\s,:\[\]{}\"]*")
_LONGEST_NAME = 2**16

DROPPED = object()
"""Instead of a value that was passed over or is too large."""


class TextSource(Protocol):
    """What text is read from, such as a file."""

    def read(self, size: int = -1, /) -> str:
        """At most ``size`` characters; "" at the end."""
        ...


class Malformed(ValueError):
    """It is not JSON from character ``at`` on; ``cut`` when it only ends too early."""

    def __init__(self, why: str, at: int = 0, *, cut: bool = False) -> None:
        super().__init__(why)
        self.at = at
        self.cut = cut


class TooLarge(ValueError):
    """The file or one of its members is larger than any real one."""


class Window:
    """What was read and not yet used; grows only while one value needs it.

    With ``most_of_all`` it is strict: what is larger raises TooLarge. Else it is passed over.
    """

    def __init__(self, stream: TextSource, most: int, most_of_all: int = 0) -> None:
        self._stream = stream
        self._most = most
        self._most_of_all = most_of_all
        self._strict = bool(most_of_all)
        self._read = 0
        self._text = ""
        self._at = 0

    @property
    def position(self) -> int:
        """How many characters of the stream were used."""
        return self._read - len(self._text) + self._at

    def fault(self, why: str) -> Malformed:
        """``why`` it is no JSON here: cut off, when there is nothing more."""
        cut = self._at >= len(self._text) and not self._more()
        return Malformed(why, self.position, cut=cut)

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
            raise self.fault(f"expected {sign}")
        self._at += 1

    def name(self) -> str:
        """The text that begins here, of a name's length."""
        text = self.text(_LONGEST_NAME)
        if text is DROPPED:
            raise self.fault("a name does not end")
        return str(text)

    def scalar(self, *, alone: bool) -> Any:
        """The text, number or word that begins here; ``DROPPED`` when it is too long.

        A number that the stream ends with is whole only when it is ``alone``.
        """
        if self.next_sign() == '"':
            return self.text(self._most)
        while True:
            found = _WORD.match(self._text, self._at)
            end = found.end() if found else self._at
            if end < len(self._text) or not self._more():
                break
            if end - self._at > _LONGEST_NAME:
                raise self.fault("a word does not end")
        word, start = self._text[self._at : end], self.position
        cut = end >= len(self._text)
        if not word or (cut and not alone):
            raise Malformed("expected a value", start, cut=cut)
        self._at = end
        return self._decoded(word, start, cut=cut)

    def text(self, most: int) -> Any:
        """The text that begins here; ``DROPPED`` when it is longer than ``most``."""
        start, place, keep = self.position, self._at + 1, True
        while True:
            place, ended = self._within_text(place)
            keep = keep and place - self._at <= most + 1
            if ended:
                break
            place = self._on(place, drop=not keep)
        whole = self._text[self._at : place] if keep else ""
        self._at = place
        return self._decoded(whole, start) if keep else DROPPED

    def container(self, *, keep: bool) -> Any:
        """The object or list that begins here, decoded; ``DROPPED`` unless kept, or too large."""
        if keep and (found := self._at_once()) is not None:
            return found
        start = self.position
        end, kept = self._end_of_container(keep)
        whole = self._text[self._at : end] if kept else ""
        self._at = end
        return self._decoded(whole, start) if kept else DROPPED

    def _at_once(self) -> Any:
        """The object or list when all of it is here and it cannot be too deep; else None."""
        try:
            value, end = _DECODER.raw_decode(self._text, self._at)
        except (ValueError, RecursionError):
            return None
        brackets = sum(self._text.count(sign, self._at, end) for sign in "[{")
        if brackets > MOST_DEPTH or end - self._at > self._most:
            return None
        self._at = end
        return value

    def _end_of_container(self, keep: bool) -> tuple[int, bool]:
        """Index behind its last bracket, reading on as far as needed; whether it was kept."""
        depth, place, in_text = 0, self._at, False
        while True:
            if in_text:
                place, ended = self._within_text(place)
                in_text = not ended
            if not in_text:
                place, depth, in_text = self._across(place, depth)
            keep = keep and self._fits(place)
            if depth == 0:
                return place, keep
            place = self._on(place, drop=not keep)

    def _across(self, place: int, depth: int) -> tuple[int, int, bool]:
        """Go on from ``place`` outside of a text: where we are then, how deep, within a text?"""
        for sign in _SIGNS.finditer(self._text, place):
            if sign.group(1) == "":
                return sign.end(), depth, True
            mark = sign.group()
            depth += (mark in "{[") - (mark in "}]")
            if depth > MOST_DEPTH:
                raise self.fault("nested too deeply")
            if depth == 0:
                return sign.end(), 0, False
        return len(self._text), depth, False

    def _within_text(self, place: int) -> tuple[int, bool]:
        """Go on from ``place`` within a text: where we are then, and whether the text ended."""
        found = _REST_OF_TEXT.match(self._text, place)
        place = found.end() if found else place
        ended = self._text.startswith('"', place)
        return place + ended, ended

    def _fits(self, place: int) -> bool:
        fits = place - self._at <= self._most
        if not fits and self._strict:
            raise TooLarge
        return fits

    def _on(self, place: int, *, drop: bool) -> int:
        """Read on; where ``place`` is then. What was passed is let go with ``drop``."""
        if drop:
            self._at = place
        behind = place - self._at
        if not self._more():
            raise Malformed("a value does not end", self.position, cut=True)
        return self._at + behind

    def _decoded(self, text: str, start: int, *, cut: bool = False) -> Any:
        try:
            return json.loads(text)
        except RecursionError:
            raise Malformed("nested too deeply", start) from None
        except ValueError:
            raise Malformed("not JSON", start, cut=cut) from None

    def _more(self) -> bool:
        """Read on; False at the end. What was used is let go."""
        chunk = self._stream.read(_CHUNK)
        self._read += len(chunk)
        if self._strict and self._read > self._most_of_all:
            raise TooLarge
        self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)
