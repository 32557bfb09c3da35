"""Greenbone's (OpenVAS) report in XML, as the manager exports it or its protocol answers.

Source: greenbone/gvmd ``GMP.xml.in`` (GMP 9 to 22.5), OMP of OpenVAS 8 and 9; real files. Reports
are nested in reports and in answers; a host's text begins with blanks. The quality of detection
(QoD) is kept: below 70 a banner was believed. Overrides and notes of the scanner are kept beside
the row and hide nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from xml.etree.ElementTree import Element

from opsbook.domains.hardening.reading.jsontext import known_by
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.severity import by_cvss, by_word
from opsbook.domains.hardening.reading.text import clean, filled, line
from opsbook.domains.hardening.reading.xmlstream import Piece, pieces, value
from opsbook.model.finding import Result, Row, Scan, Seen, Severity, Told, Unreadable

_WANTED = frozenset(
    {
        "result",
        "host",
        "error",
        "scan_start",
        "scan_end",
        "timestamp",
        "task",
        "gmp",
        "omp",
        "report_format",
    }
)
_ROOTS = {"report", "get_reports_response", "get_results_response"}
_SIGNS = (b"<nvt", b"<gmp>", b"<omp>", b"<scan_run_status>", b"<report_format", b"<scan_start>")
_MOST_HOSTS = 200_000
_LOGIN = re.compile(r"Auth-(?:SSH|SMB|ESXi)-(Success|Failure)")
"""Name of the detail that a host has after a login was tried (greenbone/openvas-scanner)."""


class Greenbone:
    """Format ``greenbone``."""

    name = "greenbone"

    def recognises(self, head: Head) -> int:
        """By the root and elements that only its reports have."""
        signs = sum(sign in head.data for sign in _SIGNS) if head.root in _ROOTS else 0
        return 60 + 6 * signs if signs else 0

    def read(self, source: Source) -> Iterable[Told]:
        """The scan, then hosts and results as they come; a host's details come at the end."""
        scan: dict[str, str] = {}
        hosts: dict[str, str] = {}
        yield _scan(source, scan)
        for piece in pieces(source.stream, _WANTED):
            if isinstance(piece, Unreadable):
                yield piece
            elif piece.element.tag in ("result", "error"):
                yield from _result(piece, hosts)
            elif piece.element.tag == "host":
                yield from _host(piece, hosts)
            elif piece.element.tag == "report_format":
                yield from _another_format(piece)
            elif _about_the_scan(piece, scan):
                yield _scan(source, scan)


def _scan(source: Source, told: Mapping[str, str]) -> Scan:
    return Scan(
        format="greenbone",
        tool="Greenbone",
        file=source.name,
        tool_version=told.get("version", ""),
        profile=told.get("task", ""),
        started=told.get("scan_start", ""),
        ended=told.get("scan_end", ""),
    )


def _another_format(piece: Piece) -> Iterator[Unreadable]:
    """An answer of the manager may carry a report of any kind, as text (base64)."""
    report = piece.within("report")
    kind = line(report.get("extension"), 40) if report is not None else ""
    if kind not in ("", "xml"):
        name = line(value(piece.element, "name"), 100)
        yield Unreadable(f"report as {name or kind}", "format not recognised", ends=True)


def _about_the_scan(piece: Piece, told: dict[str, str]) -> bool:
    """Whether the element says more of the scan; the first telling counts."""
    element, parent = piece.element, piece.path[-1].tag if piece.path else ""
    if parent != "report":
        return False
    name = {"timestamp": "scan_start", "gmp": "version", "omp": "version"}.get(element.tag)
    name = name or element.tag
    inner = {"version": "version", "task": "name"}.get(name)
    text = line(value(element, inner) if inner else element.text)
    if not text or name in told:
        return False
    told[name] = text
    return True


def _host(piece: Piece, hosts: Mapping[str, str]) -> Iterator[Seen]:
    """A host of the report itself, with what was found out about it."""
    element = piece.element
    address = line(value(element, "ip"))
    if not address or piece.path[-1].tag not in ("report", "hosts"):
        return
    details: dict[str, str] = {}
    for detail in element.iterfind("detail"):
        details.setdefault(line(value(detail, "name")), line(value(detail, "value")))
    names = (hosts.get(address, ""), details.get("hostname", ""))
    yield Seen(
        id=address,
        names=tuple(dict.fromkeys(name for name in names if name)),
        addresses=(address,),
        os=details.get("best_os_txt") or details.get("best_os_cpe") or details.get("OS", ""),
        credentialed=_logged_in(details),
    )


def _logged_in(details: Mapping[str, str]) -> bool | None:
    """One login that worked is enough; None where none was tried."""
    tried = {found[1] for name in details if (found := _LOGIN.fullmatch(name))}
    if not tried:
        return {"1": True, "0": False}.get(details.get("Auth", ""))
    return "Success" in tried


def _result(piece: Piece, hosts: dict[str, str]) -> Iterator[Told]:
    element = piece.element
    where = element.find("host")
    address = line(where.text if where is not None else "")
    if not address:
        yield Unreadable(f"result {line(element.get('id'))}".strip(), "a result without a host")
        return
    if address not in hosts:
        name = line(value(where, "hostname")) if where is not None else ""
        if len(hosts) < _MOST_HOSTS:
            hosts[address] = name
        yield Seen(id=address, names=(name,) if name else (), addresses=(address,))
    row = _row(element, address)
    yield row if row.rule else Unreadable(f"result of {address}", "without an id")


def _row(element: Element, host: str) -> Row:
    nvt = element.find("nvt")
    nvt = Element("nvt") if nvt is None else nvt
    tags = _tags(value(nvt, "tags"))
    threat, score = line(value(element, "threat")), _score(value(element, "severity"))
    title = line(value(nvt, "name")) or line(value(element, "name"))
    rule = line(nvt.get("oid")) or title
    return Row(
        host=host,
        scanner="openvas",
        rule=rule,
        result=outcome(threat, score, gone=_text(element, "delta").startswith("gone"))
        if element.tag == "result"
        else Result.ERROR,
        severity=rating(threat, score),
        told=told(threat, score),
        title=title or rule,
        location=location(value(element, "port")),
        evidence=clean(value(element, "description")),
        remedy=unindented(value(nvt, "solution")) or tags.get("solution", ""),
        ids=known_by(*_references(nvt)),
        more=_more(element, nvt, tags),
    )


def outcome(threat: str, score: float | None, *, gone: bool = False) -> Result:
    """What a row of Greenbone says: its logs are information, its false positives nobody's defect.

    Severities below zero are words: -1 false positive, -2 debug, -3 error (gvmd ``manage.h``).
    """
    if gone:
        return Result.UNKNOWN
    if threat == "Error" or score == -3.0:
        return Result.ERROR
    if threat in ("Log", "Debug", "False Positive") or (score is not None and score <= 0.0):
        return Result.INFORMATIONAL
    return Result.FAIL if threat or score else Result.UNKNOWN


def rating(threat: str, score: float | None) -> Severity:
    """By its CVSS score, else by the word of its class."""
    return by_cvss(score) if score is not None and score > 0 else by_word(threat)


def told(threat: str, score: float | None) -> str:
    """``7.5 (High)``, in the scanner's own words."""
    return threat if score is None else f"{score} ({threat})" if threat else f"{score}"


def location(port: str) -> str:
    """``443/tcp``; "" for ``general/tcp``, which is the host itself."""
    text = line(port, 64)
    return "" if text.startswith("general") else text


def _score(text: str) -> float | None:
    try:
        score = float(text)
    except ValueError:
        return None
    return score if -3.0 <= score <= 10.0 else None


def _text(element: Element, name: str) -> str:
    return clean(value(element, name))


def _tags(text: str) -> dict[str, str]:
    """``summary=...|insight=...``, of which a value may itself contain bars."""
    tags: dict[str, str] = {}
    last = ""
    for part in clean(text).split("|"):
        name, equals, told_of = part.partition("=")
        if equals and name.isidentifier():
            last = name
            tags[name] = told_of
        elif last:
            tags[last] += f"|{part}"
    return {name: unindented(told_of) for name, told_of in tags.items()}


def unindented(text: str | None) -> str:
    """``text`` without the blanks that its lines begin with in the feed."""
    return clean(_INDENT.sub("\n", text or ""))


_INDENT = re.compile(r"\n[ \t]+")


def _references(nvt: Element) -> Iterator[str]:
    """Ids of ``refs/ref`` and of the elements of older versions (``cve``, ``cert``)."""
    if nvt.get("type") == "cve" or (nvt.get("oid") or "").startswith("CVE-"):
        yield line(nvt.get("oid"))
    for reference in nvt.iter("ref"):
        if reference.get("type") != "url":
            yield line(reference.get("id"))
    for name in value(nvt, "cve").split(","):
        if name.strip() not in ("", "NOCVE"):
            yield line(name)
    for certificate in nvt.iter("cert_ref"):
        yield line(certificate.get("id"))


def _more(element: Element, nvt: Element, tags: Mapping[str, str]) -> dict[str, str]:
    solution = nvt.find("solution")
    more = {
        "qod": line(element.findtext("qod/value")),
        "qod_type": line(element.findtext("qod/type")),
        "family": line(value(nvt, "family")),
        "summary": tags.get("summary", ""),
        "solution_type": line(solution.get("type") if solution is not None else "")
        or tags.get("solution_type", ""),
        "delta": line(value(element, "delta")),
        "original": line(value(element, "original_severity")),
        "override": line(element.findtext("overrides/override/text")),
        "note": line(element.findtext("notes/note/text")),
    }
    if more["original"] == line(value(element, "severity")):
        more["original"] = ""
    return filled(more)


FORMAT = Greenbone()
