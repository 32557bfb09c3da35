"""The forms in which log lines state their time, as patterns over bytes.

Named groups: ``y mo d h mi s`` and fraction ``f``; ``ap`` for half days, ``z`` for a zone; ``e``
for seconds since 1970, with ``em`` for milliseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MONTHS = {
    name: number
    for number, name in enumerate(
        b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1
    )
}  # fmt: skip


def _word(text: str) -> bytes:
    """A Chinese word in both encodings; GB18030 equals GBK for these."""
    forms = {re.escape(text.encode(encoding)) for encoding in ("utf-8", "gb18030")}
    return b"(?:" + b"|".join(sorted(forms)) + b")"


AFTERNOON = frozenset((b"PM", b"pm", "下午".encode(), "下午".encode("gb18030")))


@dataclass(frozen=True, slots=True)
class Format:
    """One form. ``anchored``: only at the start of a line. ``reach``: bytes of a line that are
    looked at. ``weight``: what a hit counts when formats compete for a sample.
    """

    name: str
    pattern: re.Pattern[bytes]
    anchored: bool = True
    reach: int = 160
    weight: float = 1.0


_CLOCK = rb"(?P<h>\d\d?):(?P<mi>\d\d):(?P<s>\d\d)(?:[.,:](?P<f>\d{1,9}))?"
_MONTH = rb"(?P<mo>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))"
_DAY = rb"(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?"
_OPENING = rb"(?:<\d{1,3}>\d{0,2} ?)?[\[<(\"'#*|\t ]{0,6}"
_NUMERIC = (
    rb"(?P<y>\d{4})(?P<dash>[-/.])(?P<mo>\d\d?)(?P=dash)(?P<d>\d\d?)[Tt _]" + _CLOCK +
    rb"(?P<z>Z|z|[+-]\d\d(?::?\d\d)?| (?:[+-]\d\d:?\d\d|[A-Z]{3,5}))?\b"
)  # fmt: skip
_WEBLOGIC = rb"(?:\#{4})?<"
_NUMERIC_ZONE = rb"(?: (?P<z>[A-Z]{3,5}))?"

_ZH = (
    _WEBLOGIC + rb"(?P<y>\d{4})(?:-|" + _word("年") + rb")(?P<mo>\d\d?)(?:-|" + _word("月")
    + rb")(?P<d>\d\d?)" + _word("日") + rb"?,? (?P<ap>" + _word("上午") + b"|" + _word("下午")
    + rb") ?(?P<h>\d\d?)(?::|" + _word("时") + rb")(?P<mi>\d\d?)(?::|" + _word("分")
    + rb")(?P<s>\d\d?)" + _word("秒") + rb"?(?:[.,](?P<f>\d{1,9}))?" + _NUMERIC_ZONE
)  # fmt: skip

FORMATS: tuple[Format, ...] = (
    Format("numeric", re.compile(_OPENING + _NUMERIC)),
    Format("weblogic", re.compile(
        _WEBLOGIC + _MONTH + rb" (?P<d>\d\d?), (?P<y>\d{4}),? " + _CLOCK
        + rb" (?P<ap>AM|PM|am|pm)" + _NUMERIC_ZONE)),
    Format("weblogic-zh", re.compile(_ZH)),
    Format("ctime", re.compile(
        rb"[\[<(]?" + _DAY + rb" " + _MONTH + rb" {1,2}(?P<d>\d\d?) " + _CLOCK
        + rb" (?:(?P<z>[A-Z]{3,5}|[+-]\d{4}) )?(?P<y>\d{4})")),
    Format("syslog", re.compile(
        rb"(?:<\d{1,3}>)?" + _MONTH + rb" {1,2}(?P<d>\d\d?) (?:(?P<y>\d{4}) )?" + _CLOCK)),
    Format("named-month", re.compile(
        rb"(?P<d>\d\d?)(?P<dash>[-/ ])" + _MONTH + rb"(?P=dash)(?P<y>\d{4})[: T]" + _CLOCK
        + rb"(?: (?P<z>[+-]\d{4}))?"), anchored=False, reach=1024, weight=0.9),
    Format("epoch", re.compile(
        rb"[\[{(\" ]{0,3}(?P<e>[12]\d{9})(?:(?P<em>\d{3})|\.(?P<f>\d{1,9}))?\b"), weight=0.8),
    Format("numeric-inside", re.compile(rb"(?<![\d.-])" + _NUMERIC),
           anchored=False, reach=512, weight=0.6),
    Format("epoch-inside", re.compile(
        rb"(?:audit\(|\b(?:ts|time|timestamp)\"?[:=] ?\"?)(?P<e>[12]\d{9})"
        rb"(?:(?P<em>\d{3})|\.(?P<f>\d{1,9}))?\b"), anchored=False, reach=512, weight=0.5),
)  # fmt: skip
