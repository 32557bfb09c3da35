"""Text of a table: in the encoding that people declared, else in the one it turns out to have."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from opsbook.domains.hardening.reading.text import Decoder

_CHUNK = 262_144
_BEGINNING = 8_192


class Decoded:
    """The text of ``stream`` in pieces; ``beginning`` is the first of it.

    ``replaced`` counts the characters that were not of the ``encoding``, as far as was read.
    Raises LookupError for a declared encoding that does not exist.
    """

    def __init__(self, stream: BinaryIO, declared: str | None = None) -> None:
        self.replaced = 0
        self._stream = stream
        self._first = stream.read(_CHUNK)
        self._found = Decoder(self._first)
        self._declared = codecs.lookup(declared).name if declared else ""
        if self._declared == "gbk" or self._declared == "gb2312":
            self._declared = "gb18030"
        self.beginning = self._shown(self._first[:_BEGINNING])

    @property
    def encoding(self) -> str:
        """The name of the encoding as it is known by now."""
        return self._declared or self._found.encoding

    def __iter__(self) -> Iterator[str]:
        chunk, decoder = self._first, None
        if self._declared:
            decoder = codecs.getincrementaldecoder(self._declared)("replace")
        while chunk:
            text = decoder.decode(chunk) if decoder else self._found.decode(chunk)
            yield self._counted(text, chunk is self._first)
            chunk = self._stream.read(_CHUNK)
        yield self._counted(
            decoder.decode(b"", True) if decoder else self._found.decode(b"", final=True), False
        )

    def _counted(self, text: str, first: bool) -> str:
        self.replaced += text.count("\ufffd")
        return text.removeprefix("\ufeff") if first else text

    def _shown(self, data: bytes) -> str:
        return data.decode(self.encoding, "replace").removeprefix("\ufeff")
