"""The XML parts of a spreadsheet as they are unpacked: elements, shared texts.

A DOCTYPE is refused, because no part of ECMA-376 has one, and so is a tag without end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any
from xml.parsers import expat

from opsbook.domains.hardening.reading.tables.lines import MOST_CELL

_CHUNK = 65_536
_MOST_TOKEN = 2**20


def local(name: str) -> str:
    """``name`` without its prefix."""
    return name.rpartition(":")[2] if ":" in name else name


def elements(part: IO[bytes], wanted: set[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Name and attributes of the elements with one of the ``wanted`` names."""
    found: list[tuple[str, dict[str, str]]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if local(name) in wanted:
            found.append((local(name), attributes))

    for _ in fed(parser_for(start), part):
        yield from found
        found.clear()


def texts(part: IO[bytes]) -> Iterator[str]:
    """The shared texts (18.4.8 ``si``), with runs joined and without phonetic guides."""
    done: list[str] = []
    pieces: list[str] = []
    size, reading, phonetic = 0, False, False

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal size, reading, phonetic
        name = local(name)
        if name == "si":
            pieces.clear()
            size = 0
        phonetic = phonetic or name == "rPh"
        reading = name == "t" and not phonetic

    def end(name: str) -> None:
        nonlocal reading, phonetic
        name = local(name)
        reading = False
        phonetic = phonetic and name != "rPh"
        if name == "si":
            done.append("".join(pieces)[:MOST_CELL])

    def characters(text: str) -> None:
        nonlocal size
        if reading and size < MOST_CELL:
            pieces.append(text)
            size += len(text)

    for _ in fed(parser_for(start, end, characters), part):
        yield from done
        done.clear()


def parser_for(
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    characters: Callable[[str], None] | None = None,
) -> Any:
    """An expat parser that calls these."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = _refuse
    return parser


def _refuse(*_: object) -> None:
    raise ValueError("a DOCTYPE")


def fed(parser: Any, part: IO[bytes]) -> Iterator[None]:
    """Feed ``part`` to ``parser``, stopping after each chunk, and stop at tokens without end."""
    read = 0
    while chunk := part.read(_CHUNK):
        parser.Parse(chunk, False)
        read += len(chunk)
        if read - parser.CurrentByteIndex > _MOST_TOKEN:
            raise ValueError("a tag without end")
        yield
    parser.Parse(b"", True)
    yield
