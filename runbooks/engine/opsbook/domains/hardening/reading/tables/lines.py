"""A row of a table, and the limits that every kind of table keeps."""

from __future__ import annotations

from dataclasses import dataclass

from opsbook.model.finding import Unreadable

MOST_COLUMNS = 1024
"""Columns that are looked at; what stands further right is told, and left."""

MOST_CELL = 262_144
"""Characters of one cell that are kept."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: the name of its sheet ("" for text), its number from 1, its cells as text.

    Blank cells at the end may be missing. ``cut`` says that something of it was left out.
    """

    sheet: str
    number: int
    cells: tuple[str, ...]
    cut: bool = False

    @property
    def place(self) -> str:
        """Where it stands, for people: ``sheet 漏洞信息 row 7``, ``row 7``."""
        return f"sheet {self.sheet} row {self.number}" if self.sheet else f"row {self.number}"


Part = Line | Unreadable
"""What reading a table yields."""
