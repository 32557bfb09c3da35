"""What the ledger says of kept logs: the manifest that each night ended with.

A store and its catalogue lie in one directory and could be rewritten together; the ledger, with
its witnesses, cannot be rewritten with them unseen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.ledger.port import Ledger

Anchors = Mapping[tuple[str, str], Mapping[str, str]]
"""(host, day) -> run -> SHA-256 (hex) of the manifest after that run's night."""


def anchors_of(ledger: Ledger, estate: str) -> Anchors:
    """Every night of ``estate`` that the ledger knows, also where single events were pruned."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for event in ledger.events(kinds=("host.finished", "run.recorded")):
        if event.estate == estate and event.payload:
            for host, evidence in _told(event.host, event.payload):
                if "manifest_sha256" in evidence and "day" in evidence:
                    found[host, evidence["day"]][event.run] = evidence["manifest_sha256"]
    return found


def _told(host: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if host:
        yield host, payload.get("evidence") or {}
    for each in payload.get("hosts", ()):
        yield each["name"], each.get("evidence") or {}
