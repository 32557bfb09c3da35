"""What scanners might tell, and a store to take it in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from opsbook.domains.hardening.store.database import Database
from opsbook.domains.hardening.store.importing import Arrival, Identity, Intake, Kept
from opsbook.domains.hardening.store.store import FindingStore, open_findings
from opsbook.model.estate import Host, Inventory
from opsbook.model.finding import Ids, Result, Row, Scan, Seen, Severity, Told
from opsbook.model.places import Places

NOW = datetime(2026, 11, 21, 8, 41, tzinfo=UTC)
SCAN = Scan("ssg_test", "OpenSCAP", "scan.xml", "1.3.7", "cis", "1", "l1",
            ended="2026-11-20T10:00:00Z", credentialed=True)  # fmt: skip


def row(rule: str, result: Result = Result.FAIL, host: str = "web1", **more: object) -> Row:
    """A row of scanner ``ssg`` about ``host``."""
    usual = Row(host, "ssg", rule, result, Severity.MEDIUM, "medium", f"title of {rule}")
    return replace(usual, **more)  # type: ignore[arg-type]


def scan(*rows: Row, day: int = 20, **changes: object) -> list[Told]:
    """A scan of ``day`` of November 2026 with its hosts and rows."""
    hosts = [Seen(host, names=(host,)) for host in dict.fromkeys(one.host for one in rows)]
    made = replace(SCAN, ended=f"2026-11-{day:02}T10:00:00Z")
    return [replace(made, **changes), *hosts, *rows]  # type: ignore[arg-type]


def cve(*ids: str) -> Ids:
    """These CVE ids."""
    return Ids(cve=ids)


@dataclass
class SomeControls:
    """A catalogue: ``"scanner rule"`` -> keys."""

    rules: Mapping[str, Sequence[str]] = field(default_factory=dict)
    digest: str = "one"

    def controls_of(self, scanner: str, rule: str) -> Sequence[str]:
        """Keys of the controls of a rule."""
        return self.rules.get(f"{scanner} {rule}", ())


def inventory(**hosts: str) -> Inventory:
    """Hosts by name and address; another digest for other hosts."""
    digest = hashlib.sha256(repr(sorted(hosts.items())).encode()).hexdigest()
    return Inventory(tuple(Host(name, at) for name, at in hosts.items()), digest, Path("/x"))


TWO_HOSTS = inventory(web1="10.0.0.1", db1="10.0.0.2")


@dataclass
class Taking:
    """A store of findings below ``root`` that takes files in."""

    root: Path
    hosts: Inventory = TWO_HOSTS
    controls: SomeControls = field(default_factory=SomeControls)
    zone: tzinfo = UTC

    @property
    def database(self) -> Database:
        """Its database."""
        return Database(Places(self.root).findings)

    def take(
        self, told: Iterable[Told], name: str = "a.xml", estate: str = "city", host: str = ""
    ) -> Kept:
        """Keep what a file of that name tells; its digest is that of its name."""
        intake = Intake(self.database, estate, self.hosts, self.controls, self.zone)
        digest = hashlib.sha256(name.encode()).hexdigest()
        arrival = Arrival(name, told, lambda: Identity(digest, len(name)), host)
        return intake.keep(arrival, NOW)

    def store(self, estate: str = "city") -> FindingStore:
        """The store, with the inventory and catalogue as they are now."""
        return open_findings(Places(self.root), estate, self.hosts, self.controls)
