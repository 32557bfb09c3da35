"""OpenVEX 0.2.0: what is accepted of known vulnerabilities, host by host.

Only what a waiver calls wrong is ``not_affected``. Everything else is ``affected`` with what is
done about it: a borne risk is a risk. OpenVEX knows no end: it stands in the statement's text, and
a document is only good for the moment it was made.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from opsbook import __version__
from opsbook.domains.hardening.waivers.export.gathering import (
    Exported,
    Gathered,
    Waived,
    by_waiver,
    last_day,
    plain,
    remark,
)
from opsbook.model.clock import stamp
from opsbook.model.message import msg

NO_VULNERABILITY = msg("it is no known vulnerability with a CVE id")


def openvex(gathered: Gathered) -> Exported:
    """One statement for each waiver and vulnerability."""
    made = Exported()
    statements = []
    for group in by_waiver(gathered.waived).values():
        if group[0].finding.cve is None:
            for one in group:
                made.leave(one, NO_VULNERABILITY)
            continue
        made.carried += len(group)
        statements.append(_statement(gathered, group))
    if statements:
        document = _document(gathered, statements)
        made.text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return made


def host_iri(estate: str, host: str) -> str:
    """How a host is named where an IRI is asked for."""
    return f"urn:opsbook:host:{quote(estate, safe='')}:{quote(host, safe='')}"


def product_of(one: Waived) -> str:
    """The artifact that it lies in, where that is a package URL; "" for the host itself."""
    return one.finding.location if one.finding.location.startswith("pkg:") else ""


def _statement(gathered: Gathered, group: list[Waived]) -> dict[str, Any]:
    accepted = group[0].accepted
    told = remark(accepted, last_day(accepted, gathered.estate))
    wrong = accepted.category == "false_positive"
    said = {"status": "not_affected", "impact_statement": told} if wrong else {
        "status": "affected", "action_statement": told}  # fmt: skip
    return {
        "vulnerability": {"name": plain(str(group[0].finding.cve))},
        "timestamp": stamp(accepted.since),
        "products": [_product(gathered.estate.name, one) for one in group],
        **said,
    }


def _product(estate: str, one: Waived) -> dict[str, Any]:
    product: dict[str, Any] = {"@id": host_iri(estate, one.finding.host)}
    inner = product_of(one)
    return product | {"subcomponents": [{"@id": inner}]} if inner else product


def _document(gathered: Gathered, statements: list[dict[str, Any]]) -> dict[str, Any]:
    content = json.dumps([gathered.estate.name, stamp(gathered.at), statements], sort_keys=True)
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": f"urn:uuid:{uuid5(NAMESPACE_URL, content)}",
        "author": f"opsbook ({gathered.estate.name})",
        "timestamp": stamp(gathered.at),
        "version": 1,
        "tooling": f"opsbook {__version__}",
        "statements": statements,
    }
