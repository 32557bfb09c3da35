"""The five reference estates: read by the engine, with the machines their contracts name."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from doubles.signatures import public
from opsbook.approval.policyfiles import policy_faults
from opsbook.domains.logs.model import Source
from opsbook.execution.declared.declarations import load_estate
from opsbook.execution.declared.inventory import load_inventory
from opsbook.model.estate import Estate, Host, Inventory
from opsbook.model.places import Places

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
"""RFC 5737."""

SIZES = {
    "talent-archive": {(8, 8): 4, (16, 16): 2, (32, 32): 8, (64, 64): 4, (80, 512): 2},
    "social-insurance-online": {
        (80, 384): 2,
        (16, 24): 3 + 4,
        (8, 24): 5,
        (4, 8): 2,
        (16, 48): 18,
        (16, 32): 2,
        (2, 2): 2,
    },
}
"""Of each contract that states them: (CPUs, memory in GB) and number of machines."""

GROUPS = {
    "talent-archive": {"cloud": 18, "linux": 16, "windows": 2, "oracle_rac": 2},
    "exam-security": {
        "sqlserver": 8,
        "sqlserver_standard": 6,
        "sqlserver_enterprise": 2,
        "security_applications": 11,
    },
    "social-insurance-online": {
        "zone_extranet": 10,
        "zone_internet": 28,
        "oracle": 2,
        "windows": 7,
        "centos7": 29,
    },
    "arbitration": {"weblogic": 2, "oracle": 2, "identity": 2},
    "fund-supervision": {"application": 5, "oracle_rac": 2, "oracle_single": 1, "ftp": 1},
}


@dataclass(frozen=True)
class Loaded:
    estate: Estate
    inventory: Inventory

    @property
    def machines(self) -> list[Host]:
        """What the contract counts: everything but the jump hosts."""
        return [host for host in self.inventory.hosts if "jump_hosts" not in host.groups]


@pytest.fixture(scope="module", params=sorted(GROUPS))
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    places = Places(tmp_path_factory.mktemp("state"))
    estate = load_estate(str(ROOT / "inventories" / request.param), places)
    return Loaded(estate, load_inventory(estate, places, None))


def _sources(host: Host) -> list[Source]:
    lists = [value for name, value in host.vars.items() if name.startswith("opsbook_logs_")]
    return [Source.model_validate(item) for items in lists for item in items]


def test_every_estate_of_the_repository_is_looked_at_here() -> None:
    found = {file.parent.name for file in (ROOT / "inventories").glob("*/estate.yml")}
    assert found - {"lab"} == set(GROUPS)


def test_an_estate_is_named_as_its_directory(loaded: Loaded) -> None:
    assert loaded.estate.name == loaded.estate.directory.name


def test_machines_have_the_numbers_of_the_contract(loaded: Loaded) -> None:
    groups = Counter(group for host in loaded.machines for group in host.groups)
    expected = GROUPS[loaded.estate.name]
    assert {group: groups[group] for group in expected} == expected


def test_machines_have_the_sizes_of_the_contract(loaded: Loaded) -> None:
    sizes = Counter(
        (host.vars["opsbook_cpus"], host.vars["opsbook_memory_gb"])
        for host in loaded.machines
        if "opsbook_cpus" in host.vars
    )
    assert sizes == Counter(SIZES.get(loaded.estate.name, {}))


def test_machines_are_reached_through_a_jump_host_of_the_estate(loaded: Loaded) -> None:
    jumps = {host.name for host in loaded.inventory.hosts if "jump_hosts" in host.groups}
    assert jumps
    assert {host.jump for host in loaded.machines} <= jumps


def test_addresses_are_for_documentation_and_used_once(loaded: Loaded) -> None:
    addresses = [ip_address(host.address) for host in loaded.inventory.hosts]
    assert all(any(address in net for net in DOCUMENTATION) for address in addresses)
    assert len(set(addresses)) == len(addresses)


def test_every_managed_host_says_which_logs_it_has(loaded: Loaded) -> None:
    for host in loaded.inventory.hosts:
        names = [source.name for source in _sources(host)]
        assert len(set(names)) == len(names), host.name
        assert bool(names) == host.vars.get("opsbook_managed", True), host.name


def test_a_host_that_is_not_managed_says_why_and_no_schedule_asks_for_it(
    loaded: Loaded, tmp_path: Path
) -> None:
    left_out = {h.name for h in loaded.inventory.hosts if not h.vars.get("opsbook_managed", True)}
    for job in loaded.estate.schedules:
        chosen = load_inventory(loaded.estate, Places(tmp_path), job.limit).hosts
        assert not left_out & {host.name for host in chosen}
    for name in left_out:
        assert loaded.inventory[name].vars["opsbook_managed_reason"]


@pytest.mark.parametrize(
    ("estate", "group"),
    [
        ("social-insurance-online", "centos7"),
        ("social-insurance-online", "oracle"),
        ("talent-archive", "oracle_rac"),
        ("arbitration", "weblogic"),
        ("fund-supervision", "oracle"),
    ],
)
def test_old_systems_are_not_asked_for_python(estate: str, group: str, tmp_path: Path) -> None:
    places = Places(tmp_path)
    hosts = load_inventory(load_estate(str(ROOT / "inventories" / estate), places), places, group)
    assert not any(host.python for host in hosts.hosts)


def test_nobody_is_named_and_no_secret_is_kept(loaded: Loaded) -> None:
    assert all(
        line.split()[-1].endswith("@example.invalid")
        for line in (loaded.estate.directory / "approvers.yml").read_text("utf-8").splitlines()
        if "principal:" in line
    )
    secret = re.compile(r"password|passwd|secret|BEGIN [A-Z ]*PRIVATE KEY", re.IGNORECASE)
    for file in loaded.estate.directory.rglob("*.yml"):
        assert not secret.search(file.read_text(encoding="utf-8")), file


def test_approvers_are_in_order_but_for_the_keys_that_nobody_has_yet(loaded: Loaded) -> None:
    faults = policy_faults(loaded.estate)
    assert [Path(fault.file).name for fault in faults] == ["allowed_signers"]
    assert "nobody can approve" in faults[0].problem.english()


def test_with_keys_the_policy_of_every_estate_can_be_met(loaded: Loaded, tmp_path: Path) -> None:
    text = (loaded.estate.directory / "approvers.yml").read_text("utf-8")
    (tmp_path / "approvers.yml").write_text(text, encoding="utf-8")
    people = [line.split()[-1] for line in text.splitlines() if "principal:" in line]
    keys = "".join(f"{who} {public(Path(who))}\n" for who in people)
    (tmp_path / "allowed_signers").write_text(keys, encoding="utf-8")
    assert policy_faults(loaded.estate.model_copy(update={"directory": tmp_path})) == []
