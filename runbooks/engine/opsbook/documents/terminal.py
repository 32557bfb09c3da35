"""A page of blocks on a terminal, in columns of which Chinese characters take two."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from shutil import get_terminal_size
from typing import Any

from opsbook.documents.blocks import (
    Block,
    Commands,
    Facts,
    Grid,
    Heading,
    Page,
    Part,
    Points,
    Prose,
    Signing,
)
from opsbook.documents.words import Words
from opsbook.model.message import printable
from opsbook.text.width import pad, pieces, width_of, wrap

SHORT = 10
"""Columns up to which a cell of a table is kept whole before long words are."""

LONG = 14
"""Columns beyond which a word is cut before short cells are."""

NARROWEST = 40
"""Columns below which nothing is laid out any narrower."""


def lay_out(page: Page, words: Words, width: int = 80) -> str:
    """``page`` in lines of at most ``width`` columns, without a newline at its end.

    Control and bidirectional characters are shown instead of obeyed.
    """
    layout = _Layout(words, max(width, NARROWEST))
    lines = list(layout.head(page))
    for part in page.parts:
        lines += layout.part(part)
    if page.footer:
        lines += ["", *layout.text(page.footer)]
    return "\n".join(lines)


def columns() -> int:
    """Columns of the terminal, or of COLUMNS; 100 where there is none."""
    return get_terminal_size((100, 24)).columns


class _Layout:
    def __init__(self, words: Words, width: int) -> None:
        self._words = words
        self._width = width

    def head(self, page: Page) -> Iterator[str]:
        yield from self.text(f"{page.number}  {page.title}")
        if page.estate:
            yield from self.text(page.estate)
        yield ""
        yield from self.text(page.result)
        if page.counts:
            yield from self.text(self._words.listed(f"{word} {n}" for word, n in page.counts))
        if page.facts:
            yield ""
            yield from self._named(page.facts, "")

    def part(self, part: Part) -> Iterator[str]:
        yield ""
        if part.title:
            heavy = isinstance(part, Heading)
            yield from self.text(part.title)
            if heavy:
                yield "=" * min(width_of(printable(part.title)), self._width)
        layouts: dict[type, Callable[[Any], Iterator[str]]] = {
            Facts: self._facts,
            Grid: self._grid,
            Points: self._points,
            Prose: lambda prose: self.text(prose.text, "  "),
            Block: self._block,
            Commands: self._commands,
            Signing: lambda signing: self.text(self._words.listed(signing.signers), "  "),
        }
        layout = layouts.get(type(part))
        if layout:
            yield from layout(part)

    def text(self, text: str, indent: str = "", first: str | None = None) -> Iterator[str]:
        """``text`` broken into lines, each after ``indent``, the first after ``first``."""
        lines = wrap(printable(text), self._width - width_of(indent))
        for place, line in enumerate(lines):
            yield ((indent if first is None or place else first) + line).rstrip()

    def _facts(self, facts: Facts) -> Iterator[str]:
        if not facts.code:
            yield from self._named(facts.rows, "  ")
            return
        for name, value in facts.rows:
            yield from self.text(self._words.labelled(printable(name), "").rstrip(), "  ")
            if " " in value:
                yield from self.text(value, "    ")
            else:  # never broken: digests are to be compared
                yield "    " + printable(value)

    def _named(self, rows: Sequence[tuple[str, str]], indent: str) -> Iterator[str]:
        """Names in one column, values beside them."""
        named = [
            (self._words.labelled(printable(name), "").rstrip(), value) for name, value in rows
        ]
        column = min(max((width_of(name) for name, _ in named), default=0), self._width * 2 // 5)
        beside = indent + " " * (column + 2)
        for name, value in named:
            if width_of(name) <= column:
                yield from self.text(value, beside, indent + pad(name, column) + "  ")
            else:
                yield from self.text(name, indent)
                yield from self.text(value, beside)

    def _points(self, points: Points) -> Iterator[str]:
        for number, (where, what) in enumerate(points.entries, 1):
            said = self._words.labelled(where, what) if where else what
            mark = f"{number}. " if points.numbered else "- "
            yield from self.text(said, "  " + " " * len(mark), "  " + mark)
        if not points.entries and points.empty:
            yield from self.text(points.empty, "  ")

    def _block(self, block: Block) -> Iterator[str]:
        for line in block.text.split("\n"):
            yield from self.text(line, "  ")

    def _commands(self, commands: Commands) -> Iterator[str]:
        for command, shows in commands.rows:
            yield "  " + printable(command)  # never broken: it is to be copied
            if shows:
                yield from self.text(shows, "      ")

    def _grid(self, grid: Grid) -> Iterator[str]:
        lines = [[printable(cell) for cell in row] for row in (grid.headings, *grid.rows)]
        for line in in_columns(lines, self._width - 2, grid.figures):
            yield f"  {line}".rstrip()
        if grid.note:
            yield from self.text(grid.note, "  ")


def in_columns(
    lines: Sequence[Sequence[str]], room: int | None, figures: Collection[int] = ()
) -> Iterator[str]:
    """A table of equally long ``lines`` of printable cells, the first of them its headings.

    At most ``room`` columns wide (None: as wide as it wants); columns with ``figures`` stand right.
    """
    widths = _widths(lines, sys.maxsize if room is None else room)
    for line in lines:
        cells = [wrap(cell, width) for cell, width in zip(line, widths, strict=True)]
        for level in range(max((len(cell) for cell in cells), default=0)):
            shown = (cell[level] if level < len(cell) else "" for cell in cells)
            padded = (
                pad(text, width, right=place in figures)
                for place, (text, width) in enumerate(zip(shown, widths, strict=True))
            )
            yield "  ".join(padded).rstrip()


def _widths(lines: Sequence[Sequence[str]], room: int) -> list[int]:
    """Columns of a table: as wide as they want, the widest made narrower until all fit.

    Words are cut only when there is no other way: long ones first, and cells of a few columns,
    which Chinese ones without blanks are too, after all others.
    """
    table = list(zip(*lines, strict=True))
    widths = [max(2, *map(width_of, column)) for column in table]
    room -= 2 * (len(widths) - 1)
    if sum(widths) > room:
        widths = [max(2, min(width_of(cells[0]), 12), *map(width_of, cells[1:]))
                  for cells in table]  # fmt: skip
    words = [max(map(_longest_word, column)) for column in table]
    whole = [max([width for cell in column if (width := width_of(cell)) <= SHORT], default=2)
             for column in table]  # fmt: skip
    for least in (map(max, words, whole), (max(min(word, LONG), short) for word, short in
                  zip(words, whole, strict=True)), [4] * len(widths)):  # fmt: skip
        widths = _narrowed(widths, list(least), room)
    return widths


def _narrowed(widths: list[int], least: Sequence[int], room: int) -> list[int]:
    """The widest column that may be narrower made so, column by column, until all fit."""
    widths = list(widths)
    while sum(widths) > room:
        loose = [place for place, width in enumerate(widths) if width > least[place]]
        if not loose:
            break
        widest = max(loose, key=widths.__getitem__)
        widths[widest] -= 1
    return widths


def _longest_word(cell: str) -> int:
    return max((width_of(piece) for piece in pieces(cell)), default=2)
