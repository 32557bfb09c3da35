"""A lab host's packages carried in as a bundle and served on the lab's own address."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

from opsbook.domains.patching.bundle.arrival import Arrived
from opsbook.domains.patching.bundle.client import sources
from opsbook.domains.patching.bundle.export import Order, export
from opsbook.domains.patching.bundle.serve import server
from opsbook.domains.patching.bundle.service import import_bundle, need_of, trees
from opsbook.domains.patching.bundle.store import Repository
from opsbook.execution.declared.declarations import load_estate
from opsbook.execution.declared.inventory import load_inventory
from opsbook.execution.reach.shell import HostShell
from opsbook.lab import Lab
from opsbook.ledger.store import open_ledger
from opsbook.model.clock import SystemClock
from opsbook.model.places import Places


def carry_in(lab: Lab, places: Places, directory: Path) -> Arrived:
    """Need, export with this machine's apt, import into the lab's estate."""
    clock = SystemClock()
    key = directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    line = "porter@example.invalid " + key.with_suffix(".pub").read_text()
    (lab.estate / "bundle_signers").write_text(line)
    estate = load_estate(str(lab.estate), places)
    inventory = load_inventory(estate, places, "all")
    shell = HostShell(inventory, places)
    need, left = need_of(estate.name, inventory.hosts, shell, clock)
    assert not left
    (directory / "need").write_bytes(need.to_bytes())
    export(Order(directory / "need", directory / "bundle", key), clock, lambda _: None)
    ledger = open_ledger(places, clock)
    return import_bundle(directory / "bundle", estate, places, ledger, clock)


@contextmanager
def served(lab: Lab, places: Places, arrived: Arrived) -> Iterator[str]:
    """Serve the estate's repository on the lab's bridge; gives the sources for its hosts."""
    front = IPv4Network(json.loads((lab.directory / "lab.json").read_text())["front"])
    repository = Repository.of(places, "lab")
    serving = server(lambda: trees(repository), str(front[1]), 0)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    try:
        yield sources(arrived.manifest.archives, f"http://{front[1]}:{serving.server_port}")
    finally:
        serving.shutdown()
        serving.server_close()
