"""NSFOCUS RSAS V6, XML reports: ``report`` (also within ``aurora/data``) with its ``target``.

A target names its findings first (``vuln_scanned/vuln``: ``vul_id``, ``port``, ``protocol``,
``service``, ``mess_string``) and tells afterwards what they are (``vuln_detail/vuln``), joined by
``vul_id``; passwords that were guessed follow (``password_results``). Reports on web sites have
``site`` where others have ``ip``. Hosts that could not be scanned (``failed_host``) are told. By
the vendor's example of its interface and public parsers, not proven on a file of the vendor's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from urllib.parse import urlsplit

from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.rsas import TOOL, Detail, Place, row, seen, weak_password
from opsbook.domains.hardening.reading.spool import Shelf
from opsbook.domains.hardening.reading.text import line
from opsbook.domains.hardening.reading.xmlstream import Element, Piece, pieces, value
from opsbook.model.finding import Scan, Told, Unreadable

_WANTED = frozenset({
    "vendor", "product", "version", "sysvul_version", "task", "failed_host",
    "ip", "site", "vuln", "password_result",
})  # fmt: skip
_SKIPPED = frozenset({"appendix_info"})
_OURS = (
    b"<vuln_scanned",
    b"<sysvul_version",
    "绿盟".encode(),
    "绿盟".encode("gb18030"),
    b"NSFOCUS",
)
_NUMBERS = ("cve_id", "cnnvd", "cnnvd_id", "cncve", "cncve_id", "cnvd", "cnvd_id")
_MOST_PENDING = 20_000


class RsasXml:
    """Format ``rsas_xml``."""

    name = "rsas_xml"

    def recognises(self, head: Head) -> int:
        """By its root and the words only it has."""
        if head.root not in ("report", "aurora"):
            return 0
        return 90 if any(mark in head.data for mark in _OURS) else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Target by target; findings of a target once its details are known."""
        with Shelf() as details:
            yield from _Reading(source, self.name, details).told()


class _Reading:
    def __init__(self, source: Source, format_name: str, details: Shelf) -> None:
        self._source = source
        self._format = format_name
        self._details = details
        self._about: dict[str, str] = {}
        self._begun = False
        self._target: object = None
        self._host = ""
        self._found: list[tuple[str, Place]] = []

    def told(self) -> Iterator[Told]:
        for piece in pieces(self._source.stream, _WANTED, skip=_SKIPPED):
            if isinstance(piece, Unreadable):
                yield from self._finish()
                yield piece
            else:
                yield from self._piece(piece)
        yield from self._finish()
        if not self._begun:
            yield self._scan()

    def _piece(self, piece: Piece) -> Iterator[Told]:
        target = piece.within("target")
        if target is not self._target:
            yield from self._finish()
            self._target = target
        if target is not None:
            yield from self._of_target(piece)
        elif piece.element.tag == "failed_host":
            yield from self._failed(piece.element)
        elif piece.element.tag == "task":
            self._about |= {f"task_{found.tag}": line(found.text) for found in piece.element}
        else:
            self._about.setdefault(piece.element.tag, line(piece.element.text))

    def _of_target(self, piece: Piece) -> Iterator[Told]:
        found, tag = piece.element, piece.element.tag
        if tag in ("ip", "site") and not self._host:
            yield from self._begin(tag, line(found.text, 1024))
        elif tag == "password_result":
            host = self._host or line(value(found, "ip"), 255)
            if host:
                yield weak_password(host, value(found, "type"), value(found, "username"))
        elif tag == "vuln" and piece.within("vuln_detail") is not None:
            self._detail(found)
        elif tag == "vuln":
            yield from self._scanned(found)

    def _begin(self, tag: str, told: str) -> Iterator[Told]:
        if not self._begun:
            yield self._scan()
        self._host = _host_of(told) if tag == "site" else told
        if self._host:
            yield seen(self._host)

    def _scan(self) -> Scan:
        self._begun = True
        about = self._about
        return Scan(
            self._format,
            TOOL,
            self._source.name,
            tool_version=about.get("version", ""),
            content="sysvul" if about.get("sysvul_version") else "",
            content_version=about.get("sysvul_version", ""),
            profile=about.get("task_vuln_template", ""),
            started=about.get("task_start_time", "") or about.get("task_time_start_scan", ""),
            ended=about.get("task_end_time", "") or about.get("task_time_end_scan", ""),
        )

    def _failed(self, element: Element) -> Iterator[Unreadable]:
        if host := line(value(element, "ip"), 255):
            yield Unreadable(where=f"host {host}", why="could not be scanned")

    def _detail(self, found: Element) -> None:
        number = line(value(found, "vul_id"), 64)
        detail = Detail.of(
            number=number,
            title=value(found, "name"),
            points=value(found, "risk_points"),
            description=value(found, "description"),
            remedy=value(found, "solution"),
            category=value(found, "threat_category"),
            ids=[value(found, name) for name in _NUMBERS],
        )
        self._details.put(number, asdict(detail))

    def _scanned(self, found: Element) -> Iterator[Told]:
        number = line(value(found, "vul_id"), 64)
        if not number:
            where = f"target {self._host or '?'}"
            yield Unreadable(where=where, why="no number of a vulnerability")
            return
        place = Place(
            host="",
            port=value(found, "port"),
            protocol=value(found, "protocol"),
            service=value(found, "service"),
            location=value(found, "url"),
            answer=value(found, "mess_string"),
        )
        self._found.append((number, place))
        if len(self._found) >= _MOST_PENDING:
            yield from self._rows()

    def _finish(self) -> Iterator[Told]:
        """The end of a target."""
        yield from self._rows()
        self._host = ""

    def _rows(self) -> Iterator[Told]:
        found, self._found = self._found, []
        if found and not self._host:
            yield Unreadable(where=f"target with {len(found)} findings", why="no host")
            return
        for number, place in found:
            kept = self._details.get(number)
            detail = Detail(number=number)
            if kept:
                detail = Detail(**{**kept, "ids": tuple(kept["ids"])})
            yield row(detail, replace(place, host=self._host))


def _host_of(site: str) -> str:
    """The host of a web site's address."""
    try:
        return line(urlsplit(site if "//" in site else f"//{site}").hostname, 255)
    except ValueError:
        return line(site, 255)


FORMAT = RsasXml()
