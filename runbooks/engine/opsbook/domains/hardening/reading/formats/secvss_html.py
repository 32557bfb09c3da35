"""Qi-Anxin SecVSS (网神), HTML reports: a row for each vulnerability, and one that says what it is.

Rows that name a vulnerability have a class such as ``vuln_middle``, rows with details ``more``. Of
the details only their order is public (level second, description fourth, remedy fifth), so they
are taken by their names where those are known, else by their place. By public parsers, not proven
on a file of the vendor's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opsbook.domains.hardening.reading.details import said, tidy
from opsbook.domains.hardening.reading.endpoints import (
    host_of_file,
    is_address,
    port_of,
    split_hosts,
)
from opsbook.domains.hardening.reading.htmlpieces import Piece
from opsbook.domains.hardening.reading.htmlrows import Row as TableRow
from opsbook.domains.hardening.reading.htmlrows import broken_off, rows
from opsbook.domains.hardening.reading.levels import level
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.rsas import seen
from opsbook.domains.hardening.reading.severity import by_cvss
from opsbook.domains.hardening.reading.tablerows import rule_of_title, score_of
from opsbook.domains.hardening.reading.text import clean, decode, filled, ids, line, texts
from opsbook.model.finding import Result, Row, Scan, Severity, Told, Unreadable

_BRANDS = ("网神", "SecVSS", "SECVSS", "奇安信")
_CLASSES = ("vuln_high", "vuln_middle", "vuln_low", "vuln_critical", "vuln_info")
_BY_PLACE = {"level": 1, "description": 3, "remedy": 4}


class SecVssHtml:
    """Format ``secvss_html``."""

    name = "secvss_html"

    def recognises(self, head: Head) -> int:
        """By the classes of its rows and its maker's name."""
        if b"vuln_" not in head.data and not any(b.encode() in head.data for b in _BRANDS):
            return 0
        text = decode(head.data)
        brand = any(mark in text for mark in _BRANDS)
        classes = "more hide" in text and any(name in text for name in _CLASSES)
        if brand:
            return 92 if classes else 65
        return 50 if classes and "report_table plumb" in text else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Findings of the page's host."""
        host = str(source.options.get("host") or "")
        yield from _Page(Scan(self.name, "网神 SecVSS", source.name), host).told(source)


class _Page:
    def __init__(self, scan: Scan, host: str) -> None:
        self._scan = scan
        self._host = host
        self._said: dict[str, str] = {}
        self._addresses: list[str] = []
        self._begun = False
        self._named: tuple[str, str] | None = None

    def told(self, source: Source) -> Iterator[Told]:
        for found in rows(texts(source.stream)):
            if isinstance(found, Piece):
                yield from broken_off(found)
                continue
            kinds = [name for name in _CLASSES if name in found.classes]
            if kinds:
                yield from self._undescribed()
                self._named = (_title(found), kinds[0].removeprefix("vuln_"))
            elif "more" in found.classes or found.id.startswith("table_"):
                yield from self._described(found)
            else:
                self._summary(found)
            if found.cut:
                yield Unreadable(where=f"row {found.id or 'of a table'}", why="cut off", ends=True)
        yield from self._undescribed()
        yield from self._begin()

    def _summary(self, found: TableRow) -> None:
        inside = list(found.everything())
        for name, text in said(inside).items():
            self._said.setdefault(name, text)
        for row in inside:
            told = (tidy(cell) for cell in row.cells)
            self._addresses.extend(text for text in told if is_address(text))
        del self._addresses[1:]

    def _begin(self) -> Iterator[Told]:
        if self._begun:
            return
        self._begun = True
        said_of = self._said
        yield Scan(self._scan.format, self._scan.tool, self._scan.file,
                   tool_version=line(said_of.get("version"), 100),
                   content_version=line(said_of.get("content"), 100),
                   profile=line(said_of.get("profile"), 200),
                   started=line(said_of.get("started"), 40),
                   ended=line(said_of.get("ended"), 40))  # fmt: skip
        told = line(said_of.get("address"), 255) or "".join(self._addresses)
        self._host = told or self._host or host_of_file(self._scan.file)
        if self._host:
            yield seen(self._host, line(said_of.get("name"), 255), said_of.get("os", ""))

    def _undescribed(self) -> Iterator[Told]:
        """A finding that was named and of which nothing else is said."""
        if self._named:
            yield from self._finding({}, "")

    def _described(self, found: TableRow) -> Iterator[Told]:
        about = said(found.everything())
        inner = [row for row in found.everything() if row is not found]
        for meaning, at in _BY_PLACE.items():
            if meaning not in about and at < len(inner) and inner[at].cells:
                about[meaning] = tidy(inner[at].cells[-1])
        yield from self._finding(about, about.get("number", ""))

    def _finding(self, about: dict[str, str], number: str) -> Iterator[Told]:
        named, self._named = self._named, None
        yield from self._begin()
        title = named[0] if named else ""
        if not (title or number):
            yield Unreadable(where="details", why="no name of a finding")
            return
        hosts = split_hosts(about.get("hosts", "")) or [(self._host, "")]
        for host, port in hosts:
            if not host:
                yield Unreadable(where=f"finding {number or title}", why="no host")
                continue
            yield _row(host, port, title, number, named[1] if named else "", about)


def _row(host: str, port: str, title: str, number: str, marked: str, about: dict[str, str]) -> Row:
    told = line(about.get("level"), 64) or marked
    severity = level(told)
    if severity is Severity.UNKNOWN:
        severity = level(told[:1])
    if severity is Severity.UNKNOWN:
        severity = level(marked) if marked else by_cvss(score_of(about.get("points", "")))
    more = {"description": clean(about.get("description")), "service": about.get("service", "")}
    return Row(
        host=host,
        scanner="secvss",
        rule=line(number, 64) or rule_of_title(title),
        result=Result.INFORMATIONAL if severity is Severity.INFO else Result.FAIL,
        severity=severity,
        told=told,
        title=title or number,
        location=port_of(port or about.get("port", ""), about.get("protocol", "")),
        evidence=clean(about.get("answer")),
        remedy=clean(about.get("remedy")),
        ids=ids([about.get("ids", ""), title]),
        more=filled(more),
    )


def _title(found: TableRow) -> str:
    marks = [marked.text for cell in found.cells for marked in cell.marked if marked.text]
    return line(marks[0] if marks else " ".join(tidy(cell) for cell in found.cells[:1]))


FORMAT = SecVssHtml()
