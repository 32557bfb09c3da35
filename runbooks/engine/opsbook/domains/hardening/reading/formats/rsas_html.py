"""NSFOCUS RSAS V6, HTML reports: ``index.html`` and one page for every host, in ``host/``.

Two generations. Older pages have tables: ``#vuln_list`` says which port has which vulnerability,
``#vul_detail`` what each is, joined by the scanner's number in ids such as ``table_2_<number>``;
``#config_info`` has checks of configuration; the summary's ``#vuln_distribution`` names all hosts
of each vulnerability. Newer pages are one JSON value, see :mod:`..rsaspage`. By a summary page
that is public and by public parsers, not proven on an export of the vendor's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from opsbook.domains.hardening.reading.details import said, tidy
from opsbook.domains.hardening.reading.endpoints import host_of_file, split_hosts
from opsbook.domains.hardening.reading.htmlpieces import Piece
from opsbook.domains.hardening.reading.htmlrows import Marked, broken_off, rows
from opsbook.domains.hardening.reading.htmlrows import Row as TableRow
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.rsas import BASELINE, TOOL, Detail, Place, row, seen
from opsbook.domains.hardening.reading.rsaspage import ASSIGNED, Script, told
from opsbook.domains.hardening.reading.tablerows import rule_of_title
from opsbook.domains.hardening.reading.text import Decoder, clean, decode, ids, line
from opsbook.model.finding import Result, Row, Scan, Told, Unreadable

_BRANDS = ("绿盟", "NSFOCUS", "nsfocus", "远程安全评估系统")
_TABLES = ('id="vul_detail"', 'id="vuln_list"', "id=vuln_distribution", 'id="vuln_distribution"')
_OTHERS = ("网神", "SecVSS", "奇安信")
_MOST_PENDING = 20_000
_INDEX = re.compile(r"[!/\\]index\.html?$", re.IGNORECASE)
_PAGE = re.compile(r"(?:^|[/\\])host[/\\][^/\\]+\.html?$", re.IGNORECASE)


class RsasHtml:
    """Format ``rsas_html``."""

    name = "rsas_html"

    def recognises(self, head: Head) -> int:
        """By what its pages hand to their script, or by its tables and its maker's name."""
        if b"<" not in head.data[:512]:
            return 0
        text = decode(head.data)
        if any(brand in text[:20_000] for brand in _OTHERS):
            return 0
        if ASSIGNED.search(text) and ("categories" in text or '"mark"' in text):
            return 95
        brand = any(mark in text for mark in _BRANDS)
        tables = any(mark in text for mark in _TABLES)
        html = "<html" in text[:4096].lower() or "<!doctype html" in text[:4096].lower()
        return (90 if tables else 60) if brand and html else 80 if tables else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Findings of the page's host, or of all hosts of a summary."""
        first = source.stream.read(65_536)
        decoder = Decoder(first)
        text = decoder.decode(first)
        chunks = _chained(text, decoder, source)
        scan = Scan(self.name, TOOL, source.name)
        if _INDEX.search(source.name) and any(map(_PAGE.search, source.beside)):
            yield scan
            yield Unreadable(where=source.name, why="a summary of pages that are read themselves")
            return
        host = str(source.options.get("host") or "") or _host_in(source.name)
        if ASSIGNED.search(text) or "window.data" in text:
            script = Script(chunks)
            if script.found:
                yield from told(script, scan, host)
            else:
                yield Unreadable(where="window.data", why="no JSON", ends=True)
            return
        yield from _Page(scan, host).told(chunks)


def _chained(text: str, decoder: Decoder, source: Source) -> Iterator[str]:
    yield text.removeprefix("\ufeff")
    while chunk := source.stream.read(65_536):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _host_in(name: str) -> str:
    """The host that a page is named after; a summary is named after none."""
    host = host_of_file(name)
    return "" if host.lower().startswith(("index", "hosts_", "vuln")) else host


_NUMBER = re.compile(r"table_\d+_(\d+)")
_LEVEL = re.compile(r"(?:level_danger|vuln)_(high|middle|low)")
_BASELINE = re.compile(r"baseline_id_(\w{1,64})")


@dataclass(slots=True)
class _Named:
    """A finding that has been named; ``host`` only in summaries."""

    title: str
    number: str
    level: str
    places: list[Place] = field(default_factory=list)


class _Page:
    """What an older page has said so far."""

    def __init__(self, scan: Scan, host: str) -> None:
        self._scan = scan
        self._host = host
        self._said: dict[str, str] = {}
        self._begun = self._host_told = self._summary = False
        self._listed: dict[str, _Named] = {}
        self._current: _Named | None = None

    def told(self, chunks: Iterable[str]) -> Iterator[Told]:
        for found in rows(chunks):
            if isinstance(found, Piece):
                yield from broken_off(found)
                continue
            yield from self._row(found)
            if found.cut:
                yield from self._rest()
                yield Unreadable(where=f"row {found.id or 'of a table'}", why="cut off", ends=True)
        yield from self._rest()
        if self._summary:
            yield from self._begin()
        else:
            yield from self._of_host()  # also of a host where nothing was found

    def _row(self, found: TableRow) -> Iterator[Told]:
        within = found.within
        if "vuln_list" in within:
            self._list(found)
        elif "vul_detail" in within or "vuln_distribution" in within:
            yield from self._detailed(found)
        elif "config_info" in within:
            yield from self._configured(found)
        else:
            inside = list(found.everything())
            for name, text in said(inside).items():
                self._said.setdefault(name, text)

    def _begin(self) -> Iterator[Told]:
        if self._begun:
            return
        self._begun = True
        about = self._said
        times = re.findall(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", about.get("times", ""))
        yield Scan(
            self._scan.format,
            self._scan.tool,
            self._scan.file,
            tool_version=line(about.get("version"), 100),
            content_version=line(about.get("content"), 100),
            profile=line(about.get("profile"), 200),
            started=line(about.get("started"), 40) or "".join(times[:1]),
            ended=line(about.get("ended"), 40) or "".join(times[1:2]),
        )

    def _of_host(self) -> Iterator[Told]:
        """The page's own host, once, before its first finding; nothing where there is none."""
        yield from self._begin()
        self._host = line(self._said.get("address"), 255) or self._host
        if self._host and not self._host_told:
            self._host_told = True
            yield seen(self._host, line(self._said.get("name"), 255), self._said.get("os", ""))

    def _list(self, found: TableRow) -> None:
        """Port, protocol, service, and all that was found there."""
        cells = [tidy(cell) for cell in found.cells]
        for cell in found.cells:
            for marked in cell.marked:
                if (named := _named(marked, "")) and len(self._listed) < _MOST_PENDING:
                    known = self._listed.setdefault(named.number or named.title, named)
                    place = Place("", *(cells[:3] if len(cells) > 3 else ()))
                    if len(known.places) < _MOST_PENDING:
                        known.places.append(place)

    def _detailed(self, found: TableRow) -> Iterator[Told]:
        """A row that names a finding, then a row that says what it is."""
        if not found.rows:
            level = " ".join(found.classes)
            names = (_named(marked, level) for cell in found.cells for marked in cell.marked)
            self._current = next((named for named in names if named), self._current)
            return
        named, self._current = self._current, None
        number = _NUMBER.search(found.id)
        about = said(found.everything())
        if named is None and not number:
            yield Unreadable(where=f"row {found.id or 'of details'}", why="no name of a finding")
            return
        yield from self._finding(named or _Named("", "", ""), number[1] if number else "", about)

    def _finding(self, named: _Named, number: str, about: dict[str, str]) -> Iterator[Told]:
        known = self._listed.pop(number, None) or self._listed.pop(named.title, None)
        detail = Detail.of(
            number="" if "hosts" in about else number or named.number,
            title=named.title or (known.title if known else ""),
            level=named.level or (known.level if known else ""),
            points=about.get("points", ""),
            description=about.get("description", ""),
            remedy=about.get("remedy", ""),
            ids=[about.get("ids", "")],
        )
        if "hosts" in about:
            yield from self._on_hosts(detail, about["hosts"])
            return
        yield from self._of_host()
        places = known.places if known else [Place("", about.get("port", ""))]
        yield from self._placed(detail, places, about.get("answer", ""))

    def _placed(self, detail: Detail, places: list[Place], answer: str) -> Iterator[Told]:
        if not self._host:
            yield Unreadable(where=f"finding {detail.number or detail.title}", why="no host")
            return
        for place in places:
            yield row(detail, Place(self._host, place.port, place.protocol, place.service,
                                    answer=answer))  # fmt: skip

    def _on_hosts(self, detail: Detail, hosts: str) -> Iterator[Told]:
        self._summary = True
        yield from self._begin()
        for host, port in split_hosts(hosts.replace("\xa0", " ").strip(" ;")):
            yield seen(host)
            yield row(detail, Place(host, port))

    def _rest(self) -> Iterator[Told]:
        """What was listed and never described."""
        listed, self._listed = self._listed, {}
        if listed:
            yield from self._of_host()
        for named in listed.values():
            detail = Detail.of(number=named.number, title=named.title, level=named.level)
            yield from self._placed(detail, named.places, "")

    def _configured(self, found: TableRow) -> Iterator[Told]:
        """A check of configuration and whether it was kept, then what was seen."""
        if "baseline" in found.classes and not found.rows:
            good = "baseline_yes" in found.classes
            number = _BASELINE.search(" ".join(found.classes))
            marks = [marked for cell in found.cells for marked in cell.marked if marked.text]
            title = marks[0].text if marks else " ".join(tidy(cell) for cell in found.cells)
            level = _LEVEL.search(marks[0].classes) if marks else None
            yield from self._of_host()
            yield from self._checked(
                number[1] if number else "", line(title), level[1] if level else "", good
            )

    def _checked(self, number: str, title: str, level: str, good: bool) -> Iterator[Told]:
        if not self._host or not (title or number):
            yield Unreadable(where=f"check {number or title}", why="no host")
            return
        detail = Detail.of(number=number, title=title, level=level)
        yield Row(
            host=self._host,
            scanner=BASELINE,
            rule=number or rule_of_title(title),
            result=Result.PASS if good else Result.FAIL,
            severity=detail.severity,
            told=level,
            title=title or number,
            ids=ids([title]),
        )


def _named(marked: Marked, row_classes: str) -> _Named | None:
    level = _LEVEL.search(marked.classes) or _LEVEL.search(row_classes)
    title = clean(" ".join(marked.text.split()), 1024)
    if not level or not title:
        return None
    number = _NUMBER.search(marked.click)
    return _Named(title, number[1] if number else "", level[1])


FORMAT = RsasHtml()
