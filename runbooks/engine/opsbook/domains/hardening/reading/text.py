"""Text of scanners' files: decoded whatever it was written in, cut, and searched for identifiers.

Chinese scanners write UTF-8, GBK and GB18030, at times under a wrong name; what cannot be decoded
becomes U+FFFD and never an exception. GB18030-2022 contains GBK and GB 2312, so it stands for all
three.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

from opsbook.model.finding import Ids

TEXT = 16_384
"""Characters kept of a long text (evidence, remedy)."""

LINE = 1_024
"""Characters kept of a short one (title, name, version)."""

_CHUNK = 65_536
_CHINESE = "gb18030"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_HALF_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"), (b"{\0", "utf-16-le"))
_WESTERN = {
    "iso-8859-1": "cp1252",  # as browsers read it (WHATWG Encoding, 4.2)
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    "iso-8859-15": "iso8859-15",
}
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def encoding_of(head: bytes, *, whole: bool = False) -> str:
    """The encoding of a file that begins with ``head`` (all of it when ``whole``).

    In this order: byte order mark, NULs where UTF-16 has them, UTF-8 where it fits, what an XML
    declaration says where that is a western encoding, GB18030 where it fits, UTF-8 at last.
    """
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    for start, name in _HALF_UTF16:
        if head.startswith(start):
            return name
    if _fits(head, "utf-8", whole):
        return "utf-8"
    declared = _DECLARED.search(head[:512])
    if declared and (western := _WESTERN.get(declared[1].decode().lower())):
        return western
    return _CHINESE if _fits(head, _CHINESE, whole) else "utf-8"


def decode(data: bytes) -> str:
    """All of ``data`` as text, without a byte order mark; what does not decode is U+FFFD."""
    return data.decode(encoding_of(data, whole=True), "replace").removeprefix("\ufeff")


class Decoder:
    """Decodes a stream chunk by chunk. A file of ASCII so far that turns out not to be UTF-8 is
    taken for GB18030 from there on. ``replaced`` says that something could not be decoded.
    """

    def __init__(self, head: bytes) -> None:
        self.encoding = encoding_of(head)
        self.replaced = False
        self._plain = True
        self._decoder = codecs.getincrementaldecoder(self.encoding)("strict")

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        """The text of the next ``chunk``; what belongs to a later one is kept back."""
        before = self._decoder.getstate()
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeError:
            text = self._otherwise(before, chunk, final)
        self._plain = self._plain and text.isascii()
        return text

    def utf8(self, chunk: bytes, *, final: bool = False) -> bytes:
        """The same as UTF-8; a chunk of ASCII is handed on as it is."""
        if self.encoding == "utf-8" and chunk.isascii() and not self._decoder.getstate()[0]:
            return chunk
        text = self.decode(chunk, final=final)
        return text.encode("utf-8", "replace")

    def _otherwise(self, before: tuple[bytes, int], chunk: bytes, final: bool) -> str:
        pending = before[0] + chunk
        chinese = self.encoding == "utf-8" and self._plain and _fits(pending, _CHINESE, final)
        if chinese:
            self.encoding = _CHINESE
        else:
            self.replaced = True
        errors = "strict" if chinese else "replace"
        self._decoder = codecs.getincrementaldecoder(self.encoding)(errors)
        return self._decoder.decode(pending, final)


def texts(stream: BinaryIO) -> Iterator[str]:
    """The text of ``stream`` in chunks, whatever it is written in, without a byte order mark."""
    chunk = stream.read(_CHUNK)
    decoder = Decoder(chunk)
    first = True
    while chunk:
        text = decoder.decode(chunk)
        yield text.removeprefix("\ufeff") if first else text
        first, chunk = False, stream.read(_CHUNK)
    yield decoder.decode(b"", final=True)


def lines(stream: BinaryIO, *, longest: int = 1_048_576) -> Iterator[str]:
    """The lines of ``stream`` without their ends (LF, CR LF); the rest of a longer one is left out.

    ``longest`` is in characters; a line is never held beyond it, so memory stays flat.
    """
    rest = ""
    for text in texts(stream):
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line[:longest].removesuffix("\r")
        rest = rest[: longest + 1]
    if rest:
        yield rest[:longest].removesuffix("\r")


def clean(text: str | None, limit: int = TEXT) -> str:
    """``text`` without blanks around it and without control characters, at most ``limit`` long.

    A text that was cut ends in an ellipsis. Controls that turn the direction of writing go too.
    """
    if not text:
        return ""
    if len(text) > limit * 2:
        text = text[: limit * 2]
    text = text.strip()
    if not text.isprintable() and not text.replace("\n", "").replace("\t", "").isprintable():
        text = _CONTROLS.sub("", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def line(text: str | None, limit: int = LINE) -> str:
    """``text`` on one line: each run of blanks is one; see :func:`clean`."""
    if not text:
        return ""
    if len(text) <= limit and text.isprintable() and "  " not in text:
        return text.strip()
    return clean(" ".join(text[: limit * 4].split()), limit)


_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE63], "-")
_SEPARATED = r"[\s:_-]{0,3}"
_IDS = {
    "cve": re.compile(
        rf"(?<![A-Z0-9])(?:CVE|CAN){_SEPARATED}((?:19|20)\d\d)[\s_-]{{1,3}}(\d{{4,10}})(?!\d)", re.I
    ),
    "cnvd": re.compile(
        rf"(?<![A-Z0-9])CNVD{_SEPARATED}((?:C{_SEPARATED})?20\d\d)[\s_-]{{1,3}}(\d{{2,8}})(?!\d)",
        re.I,
    ),
    "cnnvd": re.compile(
        rf"(?<![A-Z0-9])CNNVD{_SEPARATED}((?:19|20)\d\d(?:\d\d)?)[\s_-]{{1,3}}(\d{{2,8}})(?!\d)",
        re.I,
    ),
    "cncve": re.compile(
        rf"(?<![A-Z0-9])CNCVE{_SEPARATED}((?:19|20)\d\d)[\s_-]{{0,3}}(\d{{4,10}})(?!\d)", re.I
    ),
    "cce": re.compile(rf"(?<![A-Z0-9])CCE{_SEPARATED}(\d{{1,6}})[\s_-]{{1,3}}(\d)(?!\d)", re.I),
}
_JOINED = {
    "cve": "CVE-{}-{}",
    "cnvd": "CNVD-{}-{}",
    "cnnvd": "CNNVD-{}-{}",
    "cncve": "CNCVE-{}{}",
    "cce": "CCE-{}-{}",
}
_PLAIN_CVE = re.compile(r"CVE-\d{4}-\d{4,10}")


def filled(told: Mapping[str, str]) -> dict[str, str]:
    """What is not empty of ``told``."""
    return {name: text for name, text in told.items() if text}


def ids(told: Iterable[str], other: Iterable[str] = ()) -> Ids:
    """All identifiers of public name spaces in ``told``, each once and in the usual form.

    Full-width letters, lower case, other dashes and blanks are understood; ``other`` is taken as
    it is. Forms: cve.org (CVE-YYYY-N...), cnvd.org.cn (CNVD-YYYY-N), cnnvd.org.cn (CNNVD-YYYYMM-N).
    """
    pieces = told if isinstance(told, list) else list(told)
    if all(map(_PLAIN_CVE.fullmatch, pieces)):
        return Ids(cve=_once(pieces), other=_once(other))
    text = unicodedata.normalize("NFKC", "\n".join(pieces)[: 16 * TEXT]).translate(_DASHES)
    found = {name: _once(_found(name, text)) for name in _IDS}
    return Ids(**found, other=_once(other))


def _found(name: str, text: str) -> Iterator[str]:
    for first, second in _IDS[name].findall(text):
        yield _JOINED[name].format(re.sub(r"[\s:_-]+", "-", first.upper()), second)


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, values)))


def _fits(data: bytes, encoding: str, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(data, whole)
    except UnicodeError:
        return False
    return True
