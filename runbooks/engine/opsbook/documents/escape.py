"""Values that stay text where they are put.

In Markdown no markup, link, table cell or HTML comes of them, in a spreadsheet no formula.
"""

from __future__ import annotations

import re

from opsbook.model.message import printable

_ACTIVE = re.compile(
    r"[\\`*_\[\]<>|~&#!$^{}]"  # CommonMark 0.31 and GFM inlines, math, footnotes, attributes
    r"|:(?=[/A-Za-z+_-])"  # scheme://, :emoji:
)
_DOT = re.compile(r"(?i)(?<=www)\.")
_NUMBER = re.compile(r"^(\d+)([.)])(?=\s|$)")


class Ready(str):
    """Markdown that is to be taken as it is."""

    __slots__ = ()


def markdown(value: object) -> str:
    """``value`` on one line, escaped for CommonMark, GFM and table cells.

    ``@`` is followed by an invisible word joiner: GFM makes links of mail addresses even when
    the character is escaped.
    """
    if isinstance(value, Ready):
        return value
    text = _ACTIVE.sub(lambda match: "\\" + match.group(), printable(str(value)).strip())
    text = _DOT.sub(r"\\.", text)  # GFM extended autolinks
    text = text.replace("@", "@&#8288;")
    text = _NUMBER.sub(r"\1\\\2", text)
    return "\\" + text if text[:1] in ("-", "+", "=") else text


_FORMULA = re.compile(r"[\s\x00-\x1f\u200b-\u200f\ufeff]*[=+\-@＝＋－＠|%]")
_NEGATIVE = re.compile(r"[+-]?\d+(?:\.\d+)?")


def spreadsheet_cell(value: object) -> str:
    """``value`` for a cell of CSV or XLSX: what a spreadsheet would take for a formula has an
    apostrophe before it, numbers excepted (OWASP, CSV Injection).

    Full-width signs count: Excel takes them for the ordinary ones. Controls become visible.
    """
    text = "\n".join(printable(line) for line in str(value).splitlines())
    if _FORMULA.match(str(value)) and not _NEGATIVE.fullmatch(text):
        return "'" + text
    return text


def code_span(text: str) -> Ready:
    """A digest or command as code; anything that could end the span is escaped text instead."""
    plain = re.fullmatch(r"[A-Za-z0-9 :._+/=-]+", text)
    return Ready(f"`{text}`" if plain else markdown(text))


def code_block(text: str) -> Ready:
    """``text`` as a fenced block whose fence is longer than any run of backticks in it."""
    runs = (len(run) for run in re.findall(r"`+", text))
    fence = "`" * max(3, *(run + 1 for run in runs), 3)
    lines = [printable(line) for line in text.split("\n")]
    return Ready("\n".join((fence, *lines, fence)))
