"""Qualys's reports as CSV, with lines of a preamble before the header.

Source: real files of two templates: reports of assets (``IP,Network,DNS,...,QID,Title,...``) and of
PCI (``IP,HOSTNAME,LAST SCAN,QID,VULN TITLE,...``). Columns are found by their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from opsbook.domains.hardening.reading.columns import Record, records
from opsbook.domains.hardening.reading.jsontext import known_by
from opsbook.domains.hardening.reading.markup import plain
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.qualysfacts import LEVELS, location, outcome
from opsbook.domains.hardening.reading.severity import by_word
from opsbook.domains.hardening.reading.text import clean, line
from opsbook.model.finding import Row, Scan, Seen, Severity, Told, Unreadable

_NEEDED = ("IP", "QID")
_MOST_HOSTS = 200_000
_COLUMNS = {
    "name": ("DNS", "HOSTNAME", "FQDN"),
    "netbios": ("NetBIOS",),
    "os": ("OS", "OPERATING SYSTEM"),
    "title": ("Title", "VULN TITLE"),
    "type": ("Type", "TYPE"),
    "severity": ("Severity", "Q_SEVERITY"),
    "word": ("SEVERITY",),
    "port": ("Port", "PORT"),
    "protocol": ("Protocol", "PROTOCOL"),
    "status": ("Vuln Status",),
    "ids": ("CVE ID", "CVEID"),
    "vendor": ("Vendor Reference",),
    "remedy": ("Solution", "SOLUTION"),
    "evidence": ("Results", "RESULT", "Result"),
    "threat": ("Threat", "THREAT"),
    "pci": ("PCI Vuln", "IS_PCI"),
    "category": ("Category", "CATEGORY"),
    "cvss": ("CVSS3.1 Base", "CVSS3 Base", "CVSS Base", "CVSS_BASE"),
    "first_found": ("First Detected",),
    "last_found": ("Last Detected", "LAST SCAN"),
}
_MORE = ("type", "status", "threat", "pci", "category", "cvss", "first_found", "last_found")


class QualysCsv:
    """Format ``qualys_csv``."""

    name = "qualys_csv"

    def recognises(self, head: Head) -> int:
        """By a line that has its columns, also below a preamble."""
        for text in head.data.splitlines()[:200]:
            names = {cell.strip().strip(b'"\xef\xbb\xbf') for cell in text.split(b",")}
            if {b"IP", b"QID"} <= names and names & {b"Title", b"VULN TITLE"}:
                return 96
        return 0

    def read(self, source: Source) -> Iterable[Told]:
        """The scan, then hosts and rows as they come."""
        yield Scan(format="qualys_csv", tool="Qualys", file=source.name)
        told: dict[str, Seen] = {}
        for record in records(source.stream, _NEEDED):
            if isinstance(record, Unreadable):
                yield record
            else:
                yield from _told(record, told)


def _told(record: Record, known: dict[str, Seen]) -> Iterator[Told]:
    cells = {name: _first(record.cells, columns) for name, columns in _COLUMNS.items()}
    address, qid = line(record.cells.get("IP")), line(record.cells.get("QID"))
    host = address or line(cells["name"])
    if not host or not qid:
        yield Unreadable(record.place, "a row without a host or a QID")
        return
    names = dict.fromkeys(name for key in ("name", "netbios") if (name := line(cells[key])))
    seen = Seen(id=host, names=tuple(names), addresses=(address,) if address else (),
                os=line(cells["os"]))  # fmt: skip
    if known.get(host) != seen:
        if len(known) >= _MOST_HOSTS:
            known.clear()
        known[host] = seen
        yield seen
    yield _row(host, qid, cells)


def _first(cells: Mapping[str, str], columns: tuple[str, ...]) -> str:
    return next((cells[name] for name in columns if cells.get(name, "").strip()), "")


def _row(host: str, qid: str, cells: Mapping[str, str]) -> Row:
    level = line(cells["severity"])
    severity = LEVELS.get(level) or by_word(level)
    if severity is Severity.UNKNOWN:
        severity = by_word(cells["word"])
    listed = f"{cells['ids']},{cells['vendor']}".replace(";", ",").split(",")
    return Row(
        host=host,
        scanner="qualys",
        rule=qid,
        result=outcome(line(cells["type"]), line(cells["status"])),
        severity=severity,
        told=level or line(cells["word"]),
        title=line(cells["title"]) or f"QID {qid}",
        location=location(line(cells["port"]), line(cells["protocol"])),
        evidence=clean(cells["evidence"]),
        remedy=plain(cells["remedy"]),
        ids=known_by(*(line(one) for one in listed[:500] if line(one) not in ("", "-"))),
        more={name: text for name in _MORE if (text := plain(cells[name])[:2_000])},
    )


FORMAT = QualysCsv()
