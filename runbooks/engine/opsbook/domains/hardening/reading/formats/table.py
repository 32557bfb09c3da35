"""Tables of any scanner: CSV, TSV, XLSX, XLS and HTML tables, by a mapping of their columns.

The mapping is declared (``--mapping FILE``), or one of ours whose columns the table has; see
:mod:`..mapping`. By the column names that are public for each scanner; proven on real files of
Tenable only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.tablerows import HEADER_WITHIN, rows
from opsbook.domains.hardening.reading.tables import delimited, markup, sniff
from opsbook.domains.hardening.reading.tables.lines import Line
from opsbook.model.finding import Told


class Table:
    """Format ``table``."""

    name = "table"

    def recognises(self, head: Head) -> int:
        """By the names of columns at the top; a spreadsheet's stand too deep in it to be seen."""
        kind = sniff.kind(head.data)
        if kind in ("xlsx", "xls"):
            return 40
        if not kind or (head.root and kind != "html"):
            return 0
        from opsbook.domains.hardening.reading.mapping import recognised

        found = next((mapping for line in _top(head, kind) if (mapping := recognised(line))), None)
        if found is None:
            return 0
        return 60 if found.columns_needed else 30

    def read(self, source: Source) -> Iterable[Told]:
        """Rows by the columns of each sheet."""
        from opsbook.domains.hardening.reading.mapping import Mapping

        given = source.options.get("mapping")
        mapping = given if isinstance(given, Mapping) else None
        encoding = mapping.encoding if mapping else None
        delimiter = mapping.delimiter if mapping else None
        return rows(sniff.parts(source.stream, encoding, delimiter), source, self.name)


def _top(head: Head, kind: str) -> Iterator[tuple[str, ...]]:
    import io

    stream = io.BytesIO(head.data)
    lines = markup.lines(stream) if kind == "html" else delimited.lines(stream)
    for number, line in enumerate(lines):
        if number >= HEADER_WITHIN:
            return
        if isinstance(line, Line):
            yield line.cells


FORMAT = Table()
