"""A scanner's JSON as steps, and values out of it whatever shape they have.

RFC 8259 asks for UTF-8, what Windows redirects into a file is UTF-16: both are read, and what a
Chinese editor made of it; characters that cannot be decoded are replaced. What is no JSON, or ends
too early, is told and ends the reading; a value that is too large is told and passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from opsbook.domains.hardening.reading.text import Decoder, clean, ids, line
from opsbook.model.finding import Ids, Unreadable
from opsbook.model.jsonstream import Event, How, Path, Step, walk
from opsbook.model.jsonwindow import Malformed

MOST_OF_ONE_VALUE = 8 * 2**20
"""Characters of one vulnerability, package or document; real ones have some 10,000."""

MOST_LISTED = 200
"""Texts of one list that are kept."""


def json_steps(
    stream: BinaryIO, how: Callable[[Path], How], *, listed: bool = False
) -> Iterator[Step | Unreadable]:
    """The steps of :func:`~opsbook.model.jsonstream.walk`; raises nothing for what is in it.

    The whole is an object, or where ``listed`` also a list.
    """
    try:
        for step in walk(_Text(stream), how, most=MOST_OF_ONE_VALUE):
            if not step.path and step.event is Event.VALUE:
                yield Unreadable("the file", "no object", ends=True)
            elif step.path[:1] == ("*",) and not listed:
                yield Unreadable("the file", "a list where an object is expected", ends=True)
                return
            elif step.event is Event.TOO_LARGE:
                yield Unreadable(f"{place(step.path)}, character {step.at}", "too large")
            else:
                yield step
    except Malformed as fault:
        why = "the file ends too early" if fault.cut else f"no JSON: {fault}"
        yield Unreadable(f"character {fault.at}", why, ends=True)


def place(path: Path) -> str:
    """``path`` for people."""
    return line(".".join(path)) or "the file"


class _Text:
    """Bytes as text, in the encoding that they begin in."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder: Decoder | None = None

    def read(self, size: int = -1, /) -> str:
        """Text, "" only at the end."""
        while True:
            data = self._stream.read(size)
            mark = ""
            if self._decoder is None:
                self._decoder, mark = Decoder(data), "\ufeff"
            text = self._decoder.decode(data, final=not data).removeprefix(mark)
            if text or not data:
                return text


def at(value: Any, *names: str) -> Any:
    """What stands below ``names`` in nested objects; None where there is no such thing."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def word(value: Any, *names: str) -> str:
    """A short text (or number) below ``names``, on one line; "" for anything else."""
    return line(_told(at(value, *names)))


def prose(value: Any, *names: str) -> str:
    """A long text below ``names``, "" for anything else."""
    return clean(_told(at(value, *names)))


def _told(found: Any) -> str:
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def words(value: Any, *names: str) -> tuple[str, ...]:
    """The texts of the list below ``names``, or the one text that stands there."""
    found = at(value, *names)
    items = found if isinstance(found, list) else [found]
    return tuple(text for item in items[:MOST_LISTED] if (text := word(item)))


def objects(value: Any, *names: str) -> list[Mapping[str, Any]]:
    """The objects of the list below ``names``, or the one object that stands there."""
    found = at(value, *names)
    items = found if isinstance(found, list) else [found]
    return [item for item in items if isinstance(item, Mapping)]


def known_by(*told: str) -> Ids:
    """Ids in public name spaces; those of vendors (DSA, GHSA, CWE) as they are told."""
    return ids(told, other=(one for one in told if not one.upper().startswith(_PUBLIC)))


_PUBLIC = ("CVE-", "CAN-", "CNVD", "CNNVD", "CNCVE", "CCE-")


def number(value: Any, *names: str) -> float | None:
    """A number below ``names``, also one written as text."""
    try:
        found = float(word(value, *names))
    except ValueError:
        return None
    return found if found == found and abs(found) < 1e9 else None
