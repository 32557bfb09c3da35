"""Rows of delimited text by the names of their columns, below whatever stands before the header."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from opsbook.domains.hardening.reading.tables.delimited import lines
from opsbook.model.finding import Unreadable

_MOST_BEFORE = 200


@dataclass(frozen=True, slots=True)
class Record:
    """One row: where it stands, and its cells by column; the first of columns of one name."""

    place: str
    cells: Mapping[str, str]


def records(stream: BinaryIO, needed: Collection[str]) -> Iterator[Record | Unreadable]:
    """The rows after the first one that has all of the ``needed`` columns.

    A file without such a row is told so, and ends.
    """
    header: list[str] = []
    before = 0
    for part in lines(stream):
        if isinstance(part, Unreadable):
            yield part
        elif header:
            if any(cell.strip() for cell in part.cells):
                yield from _record(part.place, header, part.cells)
        elif set(needed) <= set(names := [cell.strip() for cell in part.cells]):
            header = names
        elif (before := before + 1) > _MOST_BEFORE:
            break
    if not header:
        yield Unreadable("header", "the columns of this format are missing", ends=True)


def _record(place: str, header: list[str], cells: tuple[str, ...]) -> Iterator[Record | Unreadable]:
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        yield Unreadable(place, "more cells than columns")
    found: dict[str, str] = {}
    for name, cell in zip(header, cells, strict=False):
        found.setdefault(name, cell)
    yield Record(place, found)
