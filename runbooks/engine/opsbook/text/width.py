"""Columns on a terminal: how wide a text is, and how it is broken into lines (UAX #11, UAX #14)."""

from __future__ import annotations

import re
from unicodedata import combining, east_asian_width

_PIECE = re.compile(r"[（“《]*(?:[!-~]+|.)[，。；：、？！）”》]*\s*", re.DOTALL)
"""What stays together on a line: a word, or one wide character with its punctuation."""


def width_of(text: str) -> int:
    """Columns of ``text``: East Asian wide characters take two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_width, text))


def wrap(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` (at least 2) columns; one line when it is empty.

    Lines break at blanks and beside wide characters; a word that is wider than a line is cut.
    """
    lines, line = [], ""
    for piece in _PIECE.findall(text):
        if line and width_of(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
        while width_of(line.rstrip()) > width:
            head = _head(line, width)
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line.rstrip()]


def pieces(text: str) -> list[str]:
    """What stays together on a line, without the blanks after it."""
    return [piece.rstrip() for piece in _PIECE.findall(text)]


def pad(text: str, width: int, *, right: bool = False) -> str:
    """``text`` with blanks up to ``width`` columns, after it or (``right``) before it."""
    blanks = " " * (width - width_of(text))
    return blanks + text if right else text + blanks


def _width(ch: str) -> int:
    return 0 if combining(ch) else 2 if east_asian_width(ch) in "WF" else 1


def _head(line: str, width: int) -> str:
    """The most of ``line`` that fits, at least one character."""
    used = 0
    for place, ch in enumerate(line):
        used += _width(ch)
        if used > width:
            return line[: max(place, 1)]
    return line
