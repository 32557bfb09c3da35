"""Qualys's reports of assets in XML (``ASSET_DATA_REPORT``) and its list of detections.

Source: Qualys ``asset_data_report.dtd`` (real files), ``host_list_vm_detection_output.dtd``, which
tells the severity with each row and has no glossary. A host's row names a QID, and what that means
stands in a glossary that comes before or after all hosts: rows are put aside until the file has
been read. The DOCTYPE is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
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
from opsbook.domains.hardening.reading.spool import Shelf, Spool
from opsbook.domains.hardening.reading.text import clean, filled, line
from opsbook.domains.hardening.reading.xmlstream import Piece, pieces, value
from opsbook.model.finding import Row, Scan, Seen, Severity, Told, Unreadable

_OF_A_HOST = frozenset({"IP", "DNS", "NETBIOS", "OPERATING_SYSTEM", "OS"})
_OF_THE_SCAN = frozenset({"GENERATION_DATETIME", "DATETIME", "TEMPLATE"})
_WANTED = _OF_A_HOST | _OF_THE_SCAN | {"VULN_INFO", "DETECTION", "VULN_DETAILS"}
_FOUND = {
    "type": ("TYPE",),
    "port": ("PORT",),
    "protocol": ("PROTOCOL",),
    "severity": ("SEVERITY",),
    "status": ("VULN_STATUS", "STATUS"),
    "first_found": ("FIRST_FOUND", "FIRST_FOUND_DATETIME"),
    "last_found": ("LAST_FOUND", "LAST_FOUND_DATETIME"),
    "instance": ("INSTANCE",),
}
"""What a host's row tells: in a report of assets, in a list of detections."""
_MORE = ("type", "status", "first_found", "last_found", "instance")


class Qualys:
    """Format ``qualys``."""

    name = "qualys"

    def recognises(self, head: Head) -> int:
        """By the root, whose name nobody else uses."""
        return 98 if head.root in ("ASSET_DATA_REPORT", "HOST_LIST_VM_DETECTION_OUTPUT") else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Scan and hosts as they come, rows when the glossary is known."""
        with Spool() as rows, Shelf() as glossary:
            reading = _Reading(source, rows, glossary)
            for piece in pieces(source.stream, _WANTED):
                yield from [piece] if isinstance(piece, Unreadable) else reading.take(piece)
            yield from reading.end()


class _Reading:
    """The host that is being read, and what was put aside."""

    def __init__(self, source: Source, rows: Spool, glossary: Shelf) -> None:
        self._source = source
        self._rows = rows
        self._glossary = glossary
        self._scan: dict[str, str] = {}
        self._begun = False
        self._around: Element | None = None
        self._host: dict[str, str] = {}

    def take(self, piece: Piece) -> Iterator[Told]:
        """What follows from one element."""
        element, outer = piece.element, piece.within("HOST")
        if outer is not None:
            yield from self._of_host(element, outer)
        elif element.tag == "VULN_DETAILS":
            self._glossary.put(qid_of(element), _details(element))
        elif element.tag in _OF_THE_SCAN:
            self._scan.setdefault(element.tag, line(element.text))

    def end(self) -> Iterator[Told]:
        """The rows that waited for the glossary."""
        yield from self._begin()
        if self._glossary.full:
            yield Unreadable("GLOSSARY", "more vulnerabilities than are read")
        for facts in self._rows:
            row = _row(facts, self._glossary.get(facts["qid"]) or {})
            yield row if row.rule else Unreadable(f"a row of {row.host}", "without an id")

    def _of_host(self, element: Element, outer: Element) -> Iterator[Told]:
        yield from self._begin()
        if outer is not self._around:
            self._around, self._host = outer, {}
        if element.tag in _OF_A_HOST:
            self._host[element.tag] = line(element.text) or self._host.get(element.tag, "")
            yield from _seen(self._host)
        elif host := self._host.get("IP") or self._host.get("DNS"):
            self._rows.add(_facts(element, host))
        else:
            yield Unreadable(f"QID {qid_of(element)}", "a row without a host")

    def _begin(self) -> Iterator[Scan]:
        if not self._begun:
            self._begun = True
            yield Scan(
                format="qualys",
                tool="Qualys",
                file=self._source.name,
                profile=self._scan.get("TEMPLATE", ""),
                started=self._scan.get("GENERATION_DATETIME") or self._scan.get("DATETIME", ""),
            )


def _seen(told: Mapping[str, str]) -> Iterator[Seen]:
    """The host as far as it is known; told again with every element that says more."""
    address = told.get("IP", "")
    names = dict.fromkeys(name for key in ("DNS", "NETBIOS") if (name := told.get(key, "")))
    if host := address or told.get("DNS", ""):
        yield Seen(
            id=host,
            names=tuple(names),
            addresses=(address,) if address else (),
            os=told.get("OPERATING_SYSTEM") or told.get("OS", ""),
        )


def _details(element: Element) -> dict[str, Any]:
    """What an entry of the glossary says of a QID."""
    return {
        "title": line(value(element, "TITLE")),
        "severity": line(value(element, "SEVERITY")),
        "remedy": plain(value(element, "SOLUTION")),
        "threat": plain(value(element, "THREAT") or value(element, "DIAGNOSIS"))[:2_000],
        "category": line(value(element, "CATEGORY")),
        "pci": line(value(element, "PCI_FLAG")),
        "cvss": cvss_of(element),
        "ids": [*ids_in(element)][:500],
    }


def _facts(element: Element, host: str) -> dict[str, str]:
    """What a host's row says, small enough to put aside."""
    facts = {name: _first(element, *tags) for name, tags in _FOUND.items()}
    evidence = clean(value(element, "RESULT") or value(element, "RESULTS"))
    return {**facts, "host": host, "qid": qid_of(element), "evidence": evidence}


def _first(element: Element, *names: str) -> str:
    return next((text for name in names if (text := line(value(element, name)))), "")


def _row(facts: Mapping[str, str], about: Mapping[str, Any]) -> Row:
    level = about.get("severity") or facts["severity"]
    more = {name: facts[name] for name in _MORE}
    more |= {name: about.get(name, "") for name in ("category", "pci", "cvss", "threat")}
    return Row(
        host=facts["host"],
        scanner="qualys",
        rule=facts["qid"],
        result=outcome(facts["type"], facts["status"]),
        severity=LEVELS.get(level, Severity.UNKNOWN),
        told=level,
        title=about.get("title", "") or f"QID {facts['qid']}",
        location=location(facts["port"], facts["protocol"]),
        evidence=facts["evidence"],
        remedy=about.get("remedy", ""),
        ids=known_by(*about.get("ids", ())),
        more=filled(more),
    )


FORMAT = Qualys()
