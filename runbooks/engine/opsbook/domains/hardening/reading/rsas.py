"""What the formats of NSFOCUS RSAS share: one finding as XML and pages tell it, as a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opsbook.domains.hardening.reading.endpoints import is_address, port_of
from opsbook.domains.hardening.reading.levels import by_points, level
from opsbook.domains.hardening.reading.tablerows import rule_of_title
from opsbook.domains.hardening.reading.text import clean, filled, ids, line
from opsbook.model.finding import Result, Row, Seen, Severity

SCANNER = "rsas"
BASELINE = "rsas_baseline"
"""Checks of configuration have numbers of their own, and tell also what passes."""
TOOL = "NSFOCUS RSAS"
_SECRET = re.compile(r"((?:密码|口令|password|passwd|pwd)\s*[:：=]\s*)\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Detail:
    """A vulnerability of the scanner's knowledge base, told once and found at many places.

    ``number`` is the scanner's, "" where it is not told; ``points`` its score of 0 to 10.
    """

    number: str = ""
    title: str = ""
    level: str = ""
    points: str = ""
    description: str = ""
    remedy: str = ""
    category: str = ""
    ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, *, number: str = "", title: str = "", level: str = "", points: str = "",
           description: str = "", remedy: str = "", category: str = "",
           ids: Sequence[str] = ()) -> Detail:  # fmt: skip
        """With all texts cleaned and cut."""
        return cls(line(number, 64), line(title), line(level, 32), line(points, 16),
                   clean(description), clean(remedy), line(category, 200),
                   tuple(line(text, 200) for text in ids if text.strip()))  # fmt: skip

    @property
    def severity(self) -> Severity:
        """By the word for the level, else by the score."""
        found = level(self.level) if self.level else Severity.UNKNOWN
        return by_points(self.points) if found is Severity.UNKNOWN else found


@dataclass(frozen=True, slots=True)
class Place:
    """Where a vulnerability was found and what the host had answered."""

    host: str
    port: str = ""
    protocol: str = ""
    service: str = ""
    location: str = ""
    answer: str = ""


def row(detail: Detail, place: Place) -> Row:
    """One finding. Low ones are findings like all others."""
    more = {"description": detail.description, "service": line(place.service, 64),
            "score": detail.points, "category": detail.category}  # fmt: skip
    return Row(
        host=place.host,
        scanner=SCANNER,
        rule=detail.number or rule_of_title(detail.title),
        result=Result.FAIL,
        severity=detail.severity,
        told=detail.level or detail.points,
        title=detail.title or detail.number,
        location=line(place.location, 1024) or port_of(place.port, place.protocol),
        evidence=clean(_SECRET.sub(r"\1***", place.answer)),
        remedy=detail.remedy,
        ids=ids([*detail.ids, detail.title]),
        more=filled(more),
    )


def seen(host: str, name: str = "", os: str = "") -> Seen:
    """A host by the address or name the scanner was given, and its own name."""
    names = [] if is_address(host) else [host]
    if name and name not in names and not is_address(name):
        names.append(name)
    return Seen(host, tuple(names), (host,) if is_address(host) else (), line(os, 255))


def weak_password(host: str, service: str, user: str) -> Row:
    """A password that the scanner guessed: who has it is told, what it is stays out of here."""
    service, user = line(service, 64).lower(), line(user, 200)
    return Row(
        host=host,
        scanner=SCANNER,
        rule=f"weak_password/{service or 'unknown'}",
        result=Result.FAIL,
        severity=Severity.HIGH,
        told="",
        title=f"弱口令: {service} {user}".rstrip(),
        location=user,
        evidence=f"{service} {user}".strip(),
    )
