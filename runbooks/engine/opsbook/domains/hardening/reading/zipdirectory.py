"""How large the directory of a zip archive is, before anything reads all of it into memory.

Source: APPNOTE.TXT 6.3.10, 4.3.14 to 4.3.16.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

_END = b"PK\x05\x06"
_LOCATOR_64 = b"PK\x06\x07"
_TAIL = 65_557 + 76


def size_of_directory(stream: BinaryIO) -> tuple[int, int]:
    """Members and bytes that the archive's directory says it has; (0, 0) where there is none.

    ``stream`` is at its beginning afterwards. The record of 64 bits is read where :mod:`zipfile`
    reads it, whatever the locator says.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    stream.seek(0)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        return 0, 0
    members, directory = struct.unpack("<HI", tail[at + 10 : at + 16])
    if at >= 76 and tail[at - 20 : at].startswith(_LOCATOR_64):
        members, directory = struct.unpack("<QQ", tail[at - 44 : at - 28])
    return members, directory
