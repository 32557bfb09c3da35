"""NSFOCUS RSAS V6, XLS reports: one workbook for a host, named after its address.

An export is an archive of ``index.xls`` and one ``<address>.xls`` for every host. Portable units
write 14 columns, rack units 20; the mapping ``rsas`` finds both by their names. By the layout seen
in public parsers, not proven on a file of the vendor's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.tablerows import rows
from opsbook.domains.hardening.reading.tables import sniff
from opsbook.model.finding import Told

_SHEET = "漏洞信息"
_COLUMNS = ("漏洞风险值", "CNCVE编号")
_NAMED = re.compile(r"(?:^|[/!\\])(?:index|\d{1,3}(?:\.\d{1,3}){3})\.xlsx?$", re.IGNORECASE)


class RsasXls:
    """Format ``rsas_xls``."""

    name = "rsas_xls"

    def recognises(self, head: Head) -> int:
        """By its sheet and columns where they are not packed, else by how the file is named."""
        if sniff.kind(head.data) not in ("xls", "xlsx"):
            return 0
        wanted = [text.encode("utf-16-le") for text in (_SHEET, *_COLUMNS)]
        if sum(text in head.data for text in wanted) >= 2:
            return 90
        return 70 if _NAMED.search(head.name) else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Rows of the sheet of vulnerabilities; other tables by their own columns."""
        return rows(sniff.parts(source.stream), source, self.name)


FORMAT = RsasXls()
