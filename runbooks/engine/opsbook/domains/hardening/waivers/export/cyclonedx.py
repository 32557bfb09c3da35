"""CycloneDX 1.5 VEX: what is accepted of known vulnerabilities, host by host.

Only what a waiver calls wrong is ``false_positive``; a borne risk stays ``exploitable``, with
``workaround_available`` where something is done instead and ``will_not_fix`` where nothing is.
"""

from __future__ import annotations

import json
from typing import Any
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
from opsbook.domains.hardening.waivers.export.openvex import (
    NO_VULNERABILITY,
    host_iri,
    product_of,
)
from opsbook.model.clock import stamp


def cyclonedx(gathered: Gathered) -> Exported:
    """One vulnerability for each waiver and CVE id."""
    made = Exported()
    found = []
    hosts: dict[str, dict[str, Any]] = {}
    for (change, _), group in by_waiver(gathered.waived).items():
        if group[0].finding.cve is None:
            for one in group:
                made.leave(one, NO_VULNERABILITY)
            continue
        made.carried += len(group)
        found.append(_vulnerability(gathered, change, group))
        for one in group:
            component = _component(gathered.estate.name, one)
            hosts[component["bom-ref"]] = component
    if found:
        document = _document(gathered, list(hosts.values()), found)
        made.text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return made


def _vulnerability(gathered: Gathered, change: str, group: list[Waived]) -> dict[str, Any]:
    accepted, cve = group[0].accepted, plain(str(group[0].finding.cve))
    analysis: dict[str, Any] = {
        "state": "exploitable",
        "detail": remark(accepted, last_day(accepted, gathered.estate)),
        "firstIssued": stamp(accepted.since),
        "lastUpdated": stamp(gathered.at),
    }
    if accepted.category == "false_positive":
        analysis["state"] = "false_positive"
    else:
        instead = bool(accepted.compensating)
        analysis["response"] = ["workaround_available" if instead else "will_not_fix"]
    return {
        "bom-ref": f"{change}/{cve}",
        "id": cve,
        "ratings": [{"severity": str(group[0].finding.severity)}],
        "analysis": analysis,
        "affects": [{"ref": _component(gathered.estate.name, one)["bom-ref"]} for one in group],
    }


def _component(estate: str, one: Waived) -> dict[str, Any]:
    """The host, or the artifact on it."""
    host, inner = one.finding.host, product_of(one)
    if not inner:
        return {"type": "device", "bom-ref": host_iri(estate, host), "name": plain(host)}
    reference = f"{host_iri(estate, host)}#{inner}"
    return {"type": "library", "bom-ref": reference, "name": plain(inner), "purl": plain(inner)}


def _document(
    gathered: Gathered, components: list[dict[str, Any]], found: list[dict[str, Any]]
) -> dict[str, Any]:
    content = json.dumps([gathered.estate.name, stamp(gathered.at), found], sort_keys=True)
    tool = {"type": "application", "name": "opsbook", "version": __version__}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {"timestamp": stamp(gathered.at), "tools": {"components": [tool]}},
        "components": components,
        "vulnerabilities": found,
    }
