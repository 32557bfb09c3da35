"""Texts that scanners write as HTML, as plain text."""

from __future__ import annotations

import re
from html import unescape

from opsbook.domains.hardening.reading.text import TEXT, clean

_BREAKS = re.compile(r"[ \t]*<(?:br|p|/p|li|/li|dd|dt)\b[^<>]{0,100}>[ \t]*", re.IGNORECASE)
_TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,400}>")
_BLANK_LINES = re.compile(r"[ \t]*\n\s*\n\s*")


def plain(text: str | None) -> str:
    """``text`` without tags and with its character references resolved once; never markup to us."""
    if not text:
        return ""
    text = text[: 4 * TEXT]
    if "<" in text:
        text = _TAGS.sub("", _BREAKS.sub("\n", text))
    return clean(_BLANK_LINES.sub("\n", unescape(text)))
