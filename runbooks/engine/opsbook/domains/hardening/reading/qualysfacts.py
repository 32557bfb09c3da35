"""What all files of Qualys share: its severities, its types of rows, its ids."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from opsbook.domains.hardening.reading.text import line
from opsbook.model.finding import Result, Severity

LEVELS = {
    "5": Severity.CRITICAL,
    "4": Severity.HIGH,
    "3": Severity.MEDIUM,
    "2": Severity.LOW,
    "1": Severity.INFO,
}
"""Severities of Qualys: urgent, critical, serious, medium, minimal (Qualys, "Severity Levels")."""


def outcome(kind: str, status: str) -> Result:
    """What type and status of a row say: ``Ig`` is information gathered, ``Fixed`` is gone.

    ``Practice`` is a potential vulnerability: one all the same until somebody looks.
    """
    if kind.casefold() in ("ig", "info", "information"):
        return Result.INFORMATIONAL
    return Result.PASS if status.casefold() == "fixed" else Result.FAIL


def location(port: str, protocol: str) -> str:
    """``443/tcp``; Qualys leaves out the protocol where it is TCP or unknown."""
    return f"{port}/{protocol or 'tcp'}".lower() if port not in ("", "0", "-") else ""


def qid_of(element: Element) -> str:
    """The number of the vulnerability an element is about."""
    found = element.find("QID")
    told = line(found.text if found is not None else "") or line(element.get("number"))
    return told or line(element.get("id")).removeprefix("qid_")


def cvss_of(element: Element) -> str:
    """Its CVSS base score as told, the newer version first."""
    for path in ("CVSS3_SCORE/CVSS3_BASE", "CVSS_SCORE/CVSS_BASE", "CVSS3_BASE", "CVSS_BASE"):
        if score := line(element.findtext(path)).split(" ")[0]:
            return score
    return ""


def ids_in(element: Element) -> Iterator[str]:
    """Its ids: CVE and those of vendors."""
    for one in element.iter("CVE_ID"):
        yield line(one.findtext("ID")) or line(one.text)
    for one in element.iter("VENDOR_REFERENCE"):
        yield line(one.findtext("ID"))
    for cve in (element.get("cveid") or "").split(","):
        yield line(cve)
