"""Which kind of table a file is, by its beginning; the rows of any kind."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import BinaryIO

from opsbook.domains.hardening.reading.tables import delimited, markup, xls, xlsx
from opsbook.domains.hardening.reading.tables.lines import Part
from opsbook.model.finding import Unreadable

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BARE_BIFF = (b"\x09\x08\x10\x00", b"\x09\x08\x08\x00", b"\x09\x04\x06\x00", b"\x09\x02\x06\x00")
_MOST_PACKED = 4 * 2**30


def kind(head: bytes) -> str:
    """``xlsx``, ``xls``, ``html`` or ``text``; "" for what is no table."""
    if head.startswith(b"PK\x03\x04"):
        known = (b"[Content_Types].xml", b"xl/", b"_rels/.rels", b"docProps/")
        return "xlsx" if any(mark in head[:4096] for mark in known) else ""
    if head.startswith((_OLE2, *_BARE_BIFF)):
        return "xls"
    start = head[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if start.startswith((b"<html", b"<!doctype html", b"<table", b"<meta", b"<head")):
        return "html"
    return "" if start.startswith((b"<", b"{", b"[{", b"[\n", b"%pdf")) else "text"


def parts(
    stream: BinaryIO, encoding: str | None = None, delimiter: str | None = None
) -> Iterator[Part]:
    """The rows of the table in ``stream``, whatever its kind."""
    start = stream.read(8192)
    found = kind(start)
    if found == "xlsx" and stream.seekable():
        yield from xlsx.lines(stream)
        return
    whole = _Joined(start, stream)
    if found == "xlsx":
        yield from _spreadsheet(whole)
    elif found == "xls":
        yield from xls.lines(io.BufferedReader(whole), encoding)
    elif found == "html":
        yield from markup.lines(io.BufferedReader(whole), encoding)
    elif found == "text":
        yield from delimited.lines(io.BufferedReader(whole), encoding, delimiter)
    else:
        yield Unreadable(where="file", why="not a table", ends=True)


def _spreadsheet(stream: io.RawIOBase) -> Iterator[Part]:
    """An archive must be sought in, and what is read may come out of another one."""
    with TemporaryFile() as file:
        shutil.copyfileobj(_Measured(stream, _MOST_PACKED), file, 2**20)
        file.seek(0)
        yield from xlsx.lines(file)


class _Measured:
    """Reading stops at a length that no spreadsheet has."""

    def __init__(self, stream: io.RawIOBase, most: int) -> None:
        self._stream = stream
        self._left = most

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        data = self._stream.read(min(size, self._left)) or b""
        self._left -= len(data)
        return data


class _Joined(io.RawIOBase):
    """What was read already, and the stream it was read from."""

    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        self._start = start
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._start[: len(buffer)] or self._stream.read(len(buffer))
        self._start = self._start[len(data) :]
        buffer[: len(data)] = data
        return len(data)
