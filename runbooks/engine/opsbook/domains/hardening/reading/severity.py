"""What scanners say of how bad a thing is, on the one scale of :class:`Severity`."""

from __future__ import annotations

from opsbook.model.finding import Severity

_WORDS = {
    "critical": Severity.CRITICAL,
    "urgent": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "serious": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
    "minor": Severity.LOW,
    "negligible": Severity.LOW,
    "unimportant": Severity.LOW,
    "minimal": Severity.LOW,
    "none": Severity.INFO,
    "info": Severity.INFO,
    "informational": Severity.INFO,
    "information": Severity.INFO,
    "log": Severity.INFO,
}
"""Words of Red Hat, Debian, Ubuntu, CycloneDX 1.6, Trivy and Greenbone, in lower case."""


def by_word(told: str) -> Severity:
    """What the word ``told`` means, UNKNOWN where it means nothing here."""
    return _WORDS.get(told.strip().casefold(), Severity.UNKNOWN)


def by_cvss(score: float | None) -> Severity:
    """The qualitative rating of a CVSS score (FIRST, CVSS v3.1 specification, section 5)."""
    if score is None or not 0.0 <= score <= 10.0:
        return Severity.UNKNOWN
    if score == 0.0:
        return Severity.INFO
    for least, severity in (
        (9.0, Severity.CRITICAL),
        (7.0, Severity.HIGH),
        (4.0, Severity.MEDIUM),
    ):
        if score >= least:
            return severity
    return Severity.LOW
