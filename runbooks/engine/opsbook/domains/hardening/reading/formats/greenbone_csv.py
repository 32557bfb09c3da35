"""Greenbone's (OpenVAS) report as CSV ("CSV Results").

Source: greenbone/gvmd ``report_formats/CSV_Results``; real files. Its header is ``IP,Hostname,Port,
Port Protocol,CVSS,Severity,QoD,...``; before OpenVAS 9 without ``QoD``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from opsbook.domains.hardening.reading.columns import Record, records
from opsbook.domains.hardening.reading.formats.greenbone import outcome, rating, told, unindented
from opsbook.domains.hardening.reading.jsontext import known_by, number
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.text import clean, line
from opsbook.model.finding import Row, Scan, Seen, Told, Unreadable

_COLUMNS = ("IP", "Port Protocol", "NVT Name")
_MOST_HOSTS = 200_000


class GreenboneCsv:
    """Format ``greenbone_csv``."""

    name = "greenbone_csv"

    def recognises(self, head: Head) -> int:
        """By its columns."""
        first = head.data[:4_096].split(b"\n", 1)[0]
        return 96 if all(name.encode() in first for name in _COLUMNS) else 0

    def read(self, source: Source) -> Iterable[Told]:
        """The scan, then hosts and results as they come."""
        hosts: set[str] = set()
        scan = None
        for record in records(source.stream, _COLUMNS):
            if isinstance(record, Unreadable):
                yield record
                continue
            if scan is None:
                scan = _scan(source, record.cells)
                yield scan
            yield from _told(record, hosts)
        if scan is None:
            yield _scan(source, {})


def _scan(source: Source, cells: Mapping[str, str]) -> Scan:
    return Scan(
        format="greenbone_csv",
        tool="Greenbone",
        file=source.name,
        profile=line(cells.get("Task Name")),
        started=line(cells.get("Timestamp")),
    )


def _told(record: Record, hosts: set[str]) -> Iterator[Told]:
    cells = record.cells
    name = line(cells.get("Hostname"))
    address = line(cells.get("IP")) or name
    if not address:
        yield Unreadable(record.place, "a result without a host")
        return
    if address not in hosts:
        if len(hosts) < _MOST_HOSTS:
            hosts.add(address)
        names = (name,) if name else ()
        yield Seen(id=address, names=names, addresses=() if address == name else (address,))
    row = _row(cells, address)
    yield row if row.rule else Unreadable(record.place, "without an id")


def _row(cells: Mapping[str, str], host: str) -> Row:
    threat, score = line(cells.get("Severity")), number(cells, "CVSS")
    port, protocol = line(cells.get("Port"), 64), line(cells.get("Port Protocol"), 64)
    title = line(cells.get("NVT Name"))
    rule = line(cells.get("NVT OID")) or title
    listed = [cells.get(name, "") for name in ("CVEs", "CERTs")]
    return Row(
        host=host,
        scanner="openvas",
        rule=rule,
        result=outcome(threat, score),
        severity=rating(threat, score),
        told=told(threat, score),
        title=title or rule,
        location=f"{port}/{protocol}" if port and protocol else port,
        evidence=clean(cells.get("Specific Result")),
        remedy=unindented(cells.get("Solution")),
        ids=known_by(*(line(one) for text in (rule_id(rule), *listed) for one in text.split(","))),
        more=_more(cells),
    )


def rule_id(rule: str) -> str:
    """The rule where it is an id of its own (results of the CVE scanner)."""
    return rule if rule.startswith("CVE-") else ""


def _more(cells: Mapping[str, str]) -> dict[str, str]:
    names = {"qod": "QoD", "solution_type": "Solution Type", "summary": "Summary",
             "affected": "Affected Software/OS"}  # fmt: skip
    return {name: text for name, column in names.items() if (text := unindented(cells.get(column)))}


FORMAT = GreenboneCsv()
