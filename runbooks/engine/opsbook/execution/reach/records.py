"""What a script for hosts without Python says, as data.

A line is ``TYPE<TAB>KEY<TAB>VALUE``; a dotted key goes into nested mappings. Types are ``text``,
``int``, ``bool``, ``path`` (octal escapes of proc(5) mount tables are undone) and ``null``. A
``row`` has several ``TYPE<TAB>NAME<TAB>VALUE`` groups and is added to the list at its key, an
``item`` adds one text to it, and ``list`` begins it, so that it may stay empty. ``hex`` and
``inet`` are port and address of the net tables of proc(5) on little-endian hosts. Hosts are not
trusted: lines that do not fit are counted, not guessed at.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Callable
from typing import Any

_KEY = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
MOST_ROWS = 10_000


def read_records(text: str) -> tuple[dict[str, Any], int]:
    """The data of ``text``, and how many of its lines did not fit."""
    data: dict[str, Any] = {}
    unfit = 0
    for line in text.split("\n"):
        if line and not _take(data, line.split("\t")):
            unfit += 1
    return data, unfit


def _take(data: dict[str, Any], fields: list[str]) -> bool:
    if len(fields) < 2 or not _KEY.fullmatch(fields[1]):
        return False
    kind, key, rest = fields[0], fields[1], fields[2:]
    try:
        if kind == "list":
            return isinstance(_place(data, key).setdefault(_last(key), []), list) and not rest
        if kind == "row":
            return _add_row(_place(data, key), _last(key), rest)
        if kind == "item":
            return _add(_place(data, key), _last(key), _value("text", rest))
        _place(data, key)[_last(key)] = _value(kind, rest)
    except (ValueError, KeyError, TypeError):
        return False
    return True


def _add_row(place: dict[str, Any], key: str, rest: list[str]) -> bool:
    groups = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    return _add(place, key, {name: _value(kind, [value]) for kind, name, value in groups})


def _add(place: dict[str, Any], key: str, value: Any) -> bool:
    rows = place.setdefault(key, [])
    if not isinstance(rows, list) or len(rows) >= MOST_ROWS:
        return False
    rows.append(value)
    return True


def _place(data: dict[str, Any], key: str) -> dict[str, Any]:
    for step in key.split(".")[:-1]:
        data = data.setdefault(step, {})
        if not isinstance(data, dict):
            raise TypeError(step)
    return data


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _value(kind: str, rest: list[str]) -> Any:
    if kind == "null" and not any(rest):
        return None
    (value,) = rest
    return _READERS[kind](value)


def _integer(value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError(value)
    return int(value)


def _boolean(value: str) -> bool:
    return {"true": True, "false": False}[value]


def unescaped(value: str) -> str:
    """Octal escapes, as mount tables write them for blanks and the like, undone."""
    raw = value.encode("utf-8", "surrogateescape")
    raw = re.sub(rb"\\([0-3][0-7]{2})", lambda match: bytes([int(match.group(1), 8)]), raw)
    return raw.decode("utf-8", "replace")


def _inet(value: str) -> str:
    from ipaddress import ip_address

    words = unhexlify(value)
    return str(ip_address(b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))))


def _port(value: str) -> int:
    return int.from_bytes(unhexlify(value))


_READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "int": _integer,
    "bool": _boolean,
    "path": unescaped,
    "hex": _port,
    "inet": _inet,
}
