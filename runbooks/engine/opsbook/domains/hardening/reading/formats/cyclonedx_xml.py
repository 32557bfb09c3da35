"""CycloneDX XML: the vulnerabilities of a bill of materials, and what was judged of them (VEX).

Source: CycloneDX 1.4 to 1.6 XML schemas; the extension ``vulnerability/1.0`` of versions before,
where a vulnerability stands within its component. Elements are put into the shape that the same
things have in JSON, and :mod:`.cyclonedx` makes rows of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from opsbook.domains.hardening.reading.formats.cyclonedx import Bill
from opsbook.domains.hardening.reading.port import Head, Source
from opsbook.domains.hardening.reading.spool import Shelf, Spool
from opsbook.domains.hardening.reading.xmlstream import Element, Piece, child, pieces, value
from opsbook.model.finding import Told, Unreadable

_WANTED = frozenset({"metadata", "component", "vulnerability"})
_MOST_NESTED = 20_000


class CycloneDxXml:
    """Format ``cyclonedx_xml``."""

    name = "cyclonedx_xml"

    def recognises(self, head: Head) -> int:
        """By the root and its namespace."""
        return 97 if head.root == "bom" and b"cyclonedx.org/schema/bom" in head.data else 0

    def read(self, source: Source) -> Iterable[Told]:
        """Scan, one host, then a row for every vulnerability and component it affects."""
        with Spool() as found, Shelf() as components:
            bill = Bill(source, found, components)
            for number, piece in enumerate(pieces(source.stream, _WANTED), 1):
                if isinstance(piece, Unreadable):
                    yield piece
                else:
                    _put_aside(piece, bill, f"element {number}")
            yield from bill.told()


FORMAT = CycloneDxXml()


def _put_aside(piece: Piece, bill: Bill, where: str) -> None:
    element = piece.element
    if element.tag == "metadata":
        bill.document["metadata"] = _metadata(element)
    elif element.tag == "vulnerability":
        bill.vulnerability(where, _vulnerability(element, ""))
    else:
        _component_and_inner(element, bill, where)


def _component_and_inner(element: Element, bill: Bill, where: str) -> None:
    """A component, those within it, and what older versions tell inside of one."""
    waiting = [element]
    for _ in range(_MOST_NESTED):
        if not waiting:
            return
        one = waiting.pop()
        told = _component(one)
        bill.component(told)
        waiting.extend(_listed(one, "components", "component"))
        for inner in _listed(one, "vulnerabilities", "vulnerability"):
            bill.vulnerability(where, _vulnerability(inner, told["bom-ref"]))


def _metadata(element: Element) -> dict[str, Any]:
    about, tools = child(element, "component"), child(element, "tools")
    listed = [] if tools is None else [*_inner(tools, "tool"), *_listed(tools, "components")]
    return {
        "timestamp": value(element, "timestamp"),
        "component": {} if about is None else _component(about),
        "tools": [{name: value(tool, name) for name in ("name", "version")} for tool in listed],
    }


def _component(element: Element) -> dict[str, Any]:
    told = {name: value(element, name) for name in ("group", "name", "version", "purl")}
    reference = element.get("bom-ref") or told["purl"] or f"{told['name']}@{told['version']}"
    return {**told, "type": element.get("type", ""), "bom-ref": reference}


def _vulnerability(element: Element, component: str) -> dict[str, Any]:
    """In the shape of JSON; ``component`` is what it stands in, in older versions."""
    texts = ("id", "description", "detail", "recommendation")
    targets = [_target(target) for target in _listed(element, "affects", "target")]
    inside = {"ref": component or element.get("ref", "")}
    source = child(element, "source")
    return {
        **{name: value(element, name) for name in texts},
        "source": {} if source is None else {"name": value(source, "name")},
        "references": [
            {"id": value(one, "id")} for one in _listed(element, "references", "reference")
        ],
        "ratings": [_rating(one) for one in _listed(element, "ratings", "rating")],
        "analysis": _analysis(child(element, "analysis")),
        "affects": targets or ([inside] if inside["ref"] else []),
    }


def _rating(element: Element) -> dict[str, str]:
    score = child(element, "score")
    told = {name: value(element, name) for name in ("severity", "method")}
    base = "" if score is None else value(score, "base") or score.text or ""
    return {**told, "score": base}


def _analysis(element: Element | None) -> dict[str, Any]:
    if element is None:
        return {}
    told = {name: value(element, name) for name in ("state", "justification", "detail")}
    responses = [one.text or "" for one in _listed(element, "responses", "response")]
    return {**told, "response": responses}


def _target(element: Element) -> dict[str, Any]:
    versions = [
        {name: value(one, name) for name in ("version", "status")}
        for one in _listed(element, "versions", "version")
    ]
    return {"ref": value(element, "ref"), "versions": versions}


def _listed(element: Element, name: str, of: str = "component") -> Iterator[Element]:
    """The elements ``of`` a kind within the one that holds them."""
    holder = child(element, name)
    return iter(()) if holder is None else _inner(holder, of)


def _inner(element: Element, name: str) -> Iterator[Element]:
    return element.iterfind("{*}" + name)
