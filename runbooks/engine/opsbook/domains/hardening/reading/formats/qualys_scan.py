"""Qualys's result of one scan in XML (``SCAN``): ``IP/VULNS/CAT/VULN`` and the like.

Source: Qualys ``scan-1.dtd``; real files. The DOCTYPE is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from opsbook.domains.hardening.reading.jsontext import known_by
from opsbook.domains.hardening.reading.markup import plain
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.qualysfacts import (
    LEVELS,
    cvss_of,
    ids_in,
    location,
    outcome,
    qid_of,
)
from opsbook.domains.hardening.reading.text import clean, filled, line
from opsbook.domains.hardening.reading.xmlstream import Piece, pieces, value
from opsbook.model.finding import Row, Scan, Seen, Severity, Told, Unreadable

_FINDS = {"VULN": "Vuln", "PRACTICE": "Practice", "INFO": "Ig", "SERVICE": "Ig"}
"""Elements that are rows, and the type that reports of assets give them."""
_NAMES = frozenset({"OS", "NETBIOS_HOSTNAME"})
_WANTED = _NAMES | _FINDS.keys() | {"KEY", "OPTION_PROFILE_TITLE", "ERROR"}
_NO_NAME = "no registered hostname"


class QualysScan:
    """Format ``qualys_scan``."""

    name = "qualys_scan"

    def recognises(self, head: Head) -> int:
        """By the root, and Qualys's own words."""
        if head.root != "SCAN":
            return 0
        return 96 if b"qualys" in head.data.lower() else 70 * (b'<KEY value="' in head.data)

    def read(self, source: Source) -> Iterable[Told]:
        """Scan, hosts and rows as they come."""
        reading = _Reading(source)
        for piece in pieces(source.stream, _WANTED):
            yield from [piece] if isinstance(piece, Unreadable) else reading.take(piece)
        yield from reading.begin()


class _Reading:
    """The host that is being read, and the header as far as it is known."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._scan: dict[str, str] = {}
        self._begun = False
        self._around: Element | None = None
        self._host: dict[str, str] = {}

    def take(self, piece: Piece) -> Iterator[Told]:
        """What follows from one element."""
        element, outer = piece.element, piece.within("IP")
        if outer is not None:
            yield from self._of_host(piece, outer)
        elif element.tag == "ERROR":
            where = f"ERROR {line(element.get('number'))}: {line(element.text, 200)}"
            yield Unreadable(where, "an error of the scanner")
        else:
            self._scan[line(element.get("value")) or element.tag] = line(element.text)

    def begin(self) -> Iterator[Scan]:
        """The scan, once."""
        if not self._begun:
            self._begun = True
            yield Scan(
                format="qualys_scan",
                tool="Qualys",
                file=self._source.name,
                profile=self._scan.get("OPTION_PROFILE_TITLE", ""),
                started=self._scan.get("DATE", ""),
            )

    def _of_host(self, piece: Piece, outer: Element) -> Iterator[Told]:
        yield from self.begin()
        element = piece.element
        if new := outer is not self._around:
            self._around = outer
            self._host = {"ip": line(outer.get("value")), "name": line(outer.get("name"))}
        host = self._host["ip"] or self._host["name"]
        if element.tag in _NAMES:
            self._host[element.tag] = line(element.text)
        if host and (new or element.tag in _NAMES):
            yield _seen(host, self._host)
        if element.tag in _FINDS:
            qid = qid_of(element)
            why = "a row without a host" if not host else "without an id" if not qid else ""
            yield Unreadable(f"QID {qid} of {host}", why) if why else _row(piece, host)


def _seen(host: str, told: dict[str, str]) -> Seen:
    names = (told["name"], told.get("NETBIOS_HOSTNAME", ""))
    return Seen(
        id=host,
        names=tuple(dict.fromkeys(one for one in names if one and one.lower() != _NO_NAME)),
        addresses=(told["ip"],) if told["ip"] else (),
        os=told.get("OS", ""),
    )


def _row(piece: Piece, host: str) -> Row:
    element, category = piece.element, piece.within("CAT")
    category = Element("CAT") if category is None else category
    level, kind = line(element.get("severity")), _FINDS[element.tag]
    more = {
        "type": kind,
        "category": line(category.get("value")),
        "pci": line(value(element, "PCI_FLAG")),
        "cvss": cvss_of(element),
        "threat": plain(value(element, "DIAGNOSIS"))[:2_000],
    }
    return Row(
        host=host,
        scanner="qualys",
        rule=qid_of(element),
        result=outcome(kind, line(element.get("status"))),
        severity=LEVELS.get(level, Severity.UNKNOWN),
        told=level,
        title=line(value(element, "TITLE")) or f"QID {qid_of(element)}",
        location=location(line(category.get("port")), line(category.get("protocol"))),
        evidence=clean(value(element, "RESULT")),
        remedy=plain(value(element, "SOLUTION")),
        ids=known_by(*ids_in(element)),
        more=filled(more),
    )


FORMAT = QualysScan()
