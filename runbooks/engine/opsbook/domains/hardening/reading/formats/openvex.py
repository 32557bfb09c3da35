"""OpenVEX: what a vendor (or our own register of waivers) says of vulnerabilities in products.

Source: OpenVEX specification v0.2.0 (and 0.0.x, where products and vulnerabilities are texts).
``not_affected`` and ``fixed`` are PASS, ``affected`` FAIL, ``under_investigation`` UNKNOWN. The
file names no host: it is the one that people say (``host``), else the file itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opsbook.domains.hardening.reading.jsontext import (
    at,
    json_steps,
    known_by,
    objects,
    place,
    prose,
    word,
    words,
)
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.purl import artifact_of, package_of
from opsbook.domains.hardening.reading.text import filled
from opsbook.model.finding import Result, Row, Scan, Seen, Severity, Told, Unreadable
from opsbook.model.jsonstream import Event, How, Path

_RESULTS = {
    "not_affected": Result.PASS,
    "fixed": Result.PASS,
    "affected": Result.FAIL,
    "under_investigation": Result.UNKNOWN,
}
_MOST_PRODUCTS = 10_000


class OpenVex:
    """Format ``openvex``."""

    name = "openvex"

    def recognises(self, head: Head) -> int:
        """By its context."""
        return 98 if b"openvex.dev/ns" in head.data and b'"@context"' in head.data else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Scan, one host, then a row for every statement and product."""
        document: dict[str, Any] = {}
        host = word(source.options, "host") or source.name
        begun = False
        for step in json_steps(source.stream, _how):
            if isinstance(step, Unreadable):
                yield step
            elif step.path == ("statements", "*") and step.event is Event.VALUE:
                if not begun:
                    yield from _begin(source, document, host)
                    begun = True
                yield from _rows(host, step.value, f"{place(step.path)}, character {step.at}")
            elif step.event is Event.VALUE and len(step.path) == 1:
                document[step.path[0]] = step.value
        if not begun:
            yield from _begin(source, document, host)


def _how(path: Path) -> How:
    return How.INTO if path in ((), ("statements",)) else How.WHOLE


def _begin(source: Source, document: Mapping[str, Any], host: str) -> Iterator[Told]:
    yield Scan(
        format="openvex",
        tool=word(document, "tooling") or "OpenVEX",
        file=source.name,
        content=word(document, "@id"),
        profile=word(document, "author"),
        started=word(document, "timestamp"),
        ended=word(document, "last_updated"),
    )
    named = word(source.options, "host")
    yield Seen(id=host, names=(named,) if named else ())


def _rows(host: str, statement: Any, where: str) -> Iterator[Told]:
    vulnerability = at(statement, "vulnerability")
    rule = word(statement, "vulnerability") or word(vulnerability, "name")
    rule = rule or word(vulnerability, "@id").rpartition("/")[2]
    if not rule:
        yield Unreadable(where, "a statement without a vulnerability")
        return
    products = list(_products(statement))
    if len(products) > _MOST_PRODUCTS:
        yield Unreadable(where, "more products than are read")
    for product in products[:_MOST_PRODUCTS] or [""]:
        yield _row(host, rule, statement, product)


def _products(statement: Any) -> Iterator[str]:
    """Package URLs (or other ids): the component where one is named, else the product."""
    told = at(statement, "products")
    for product in told if isinstance(told, list) else ():
        if isinstance(product, str):
            yield word({"p": product}, "p")
            continue
        inner = objects(product, "subcomponents") or objects(product)
        for one in inner:
            yield word(one, "identifiers", "purl") or word(one, "@id") or word(one, "id")
    yield from words(statement, "subcomponents")


def _row(host: str, rule: str, statement: Any, product: str) -> Row:
    status = word(statement, "status")
    package, version = package_of(product)
    reasons = ("justification", "impact_statement", "status_notes")
    evidence = "\n".join(filter(None, (status, *(prose(statement, name) for name in reasons))))
    return Row(
        host=host,
        scanner="openvex",
        rule=rule,
        result=_RESULTS.get(status, Result.UNKNOWN),
        severity=Severity.UNKNOWN,
        told="",
        title=prose(statement, "vulnerability", "description") or rule,
        location=artifact_of(product),
        evidence=evidence,
        remedy=prose(statement, "action_statement"),
        ids=known_by(rule, *words(statement, "vulnerability", "aliases")),
        package=package,
        installed=version,
        more=_more(statement, product),
    )


def _more(statement: Any, product: str) -> dict[str, str]:
    more = {
        "artifact": artifact_of(product),
        "product": product,
        "status": word(statement, "status"),
        "justification": word(statement, "justification"),
    }
    return filled(more)


FORMAT = OpenVex()
