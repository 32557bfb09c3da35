"""Reading scanners' files in tests: what a format tells of some bytes."""

from __future__ import annotations

import io
from pathlib import Path

from opsbook.domains.hardening.reading import formats
from opsbook.domains.hardening.reading.intake import head_of
from opsbook.domains.hardening.reading.port import HEAD_BYTES, Source
from opsbook.model.finding import Row, Scan, Seen, Told, Unreadable

DATA = Path(__file__).parents[1] / "data" / "scans"


class Tale(list[Told]):
    """All that was told, and its parts."""

    @property
    def rows(self) -> list[Row]:
        return [one for one in self if isinstance(one, Row)]

    @property
    def scans(self) -> list[Scan]:
        return [one for one in self if isinstance(one, Scan)]

    @property
    def hosts(self) -> list[Seen]:
        return [one for one in self if isinstance(one, Seen)]

    @property
    def unreadable(self) -> list[Unreadable]:
        return [one for one in self if isinstance(one, Unreadable)]

    def of(self, rule: str) -> Row:
        """The one row of ``rule``."""
        (row,) = (row for row in self.rows if row.rule == rule)
        return row


def told(name: str, data: bytes | str, **options: object) -> Tale:
    """What the format ``name`` tells of ``data``, which is called ``file``."""
    raw = data.encode() if isinstance(data, str) else data
    return Tale(formats.named(name).read(Source("file", io.BytesIO(raw), options)))


def sample(name: str) -> bytes:
    """The file of that name below ``tests/data/scans``."""
    return (DATA / name).read_bytes()


def recognised(name: str, data: bytes) -> str:
    """The name of the format that recognises ``data``, "" when none does."""
    found = formats.recognise(head_of(name, data[:HEAD_BYTES]))
    return found.name if found else ""
