"""What a lab consists of, decided without touching anything."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.lab import estate, plan

HERE = Path("/var/lib/somewhere/lab")
NET = plan.Network("ob1234567", IPv4Network("198.18.4.0/24"), IPv4Network("198.18.5.0/24"))
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40)


def test_the_default_lab_has_each_kind_of_host_that_runbooks_must_cope_with() -> None:
    specs = {spec.name: spec for spec in plan.host_specs(len(plan.DEFAULT_HOSTS))}
    assert "create" in specs["web1"].parts
    assert "copytruncate" in specs["web2"].parts
    assert specs["db1"].layer == "db"
    assert specs["old1"].layer == "nopython"
    assert specs["inner1"].jump == "jump1"
    assert specs["jump1"].gateway


@pytest.mark.parametrize(
    ("count", "last"), [(1, "web1"), (6, "inner1"), (7, "node07"), (20, "node20")]
)
def test_so_many_hosts_are_planned(count: int, last: str) -> None:
    specs = plan.host_specs(count)
    assert len(specs) == count
    assert specs[-1].name == last


def test_a_host_behind_a_jump_host_never_comes_without_it() -> None:
    for count in range(1, 10):
        names = [spec.name for spec in plan.host_specs(count)]
        assert all(spec.jump in ("", *names) for spec in plan.host_specs(count))


def test_no_two_hosts_share_an_address() -> None:
    specs = plan.host_specs(plan.MOST_HOSTS)
    addresses = [cable.address for spec in specs for cable in NET.cables(spec)]
    assert len(set(addresses)) == len(addresses)
    assert NET.control not in addresses


def test_adding_hosts_changes_no_address() -> None:
    few, many = plan.host_specs(6), plan.host_specs(30)
    assert [NET.address(spec) for spec in few] == [NET.address(spec) for spec in many[:6]]


@given(NAMES)
def test_every_name_left_on_the_machine_fits_a_network_interface(folder: str) -> None:
    network = plan.choose_network(Path("/") / folder, [])
    assert network is not None
    cables = [
        one.outer for spec in plan.host_specs(plan.MOST_HOSTS) for one in network.cables(spec)
    ]
    assert len(set(cables)) == len(cables)
    for name in (network.bridge, network.inner_bridge, *cables):
        assert len(name) <= 15
        assert name.isalnum()


@given(NAMES, st.lists(st.integers(0, 511), max_size=30))
def test_a_network_in_use_is_never_chosen(folder: str, used: list[int]) -> None:
    taken = [list(plan.LAB_RANGE.subnets(new_prefix=24))[number] for number in used]
    network = plan.choose_network(Path("/") / folder, taken)
    assert network is not None
    assert not any(one.overlaps(net) for one in taken for net in (network.front, network.inner))


def test_the_same_directory_gets_the_same_network_again() -> None:
    assert plan.choose_network(HERE, []) == plan.choose_network(HERE, [])


def test_two_directories_get_different_names() -> None:
    assert plan.prefix_of(HERE) != plan.prefix_of(HERE / "other")


def test_without_a_free_network_there_is_none() -> None:
    assert plan.choose_network(HERE, [plan.LAB_RANGE]) is None


def test_no_host_has_a_way_out() -> None:
    for spec in plan.host_specs(20):
        for text in plan.interfaces(spec, NET).values():
            assert "Gateway" not in text
            assert "DHCP" not in text


def test_only_the_jump_host_is_on_both_networks() -> None:
    both = [spec.name for spec in plan.host_specs(20) if len(plan.interfaces(spec, NET)) == 2]
    assert both == ["jump1"]


def test_a_host_behind_the_jump_host_is_put_on_the_inner_bridge_only() -> None:
    words = plan.boot_command(plan.spec_of("inner1"), HERE, NET, [Path("/image")], scoped=False)
    assert f"{NET.inner_bridge} {NET.cables(plan.spec_of('inner1'))[0].outer}" in words
    assert NET.bridge not in " ".join(words)


def test_the_control_group_comes_from_systemd_only_where_it_runs() -> None:
    web1 = plan.spec_of("web1")
    ours = plan.boot_command(web1, HERE, NET, [Path("/image")], scoped=False)
    theirs = plan.boot_command(web1, HERE, NET, [Path("/image")], scoped=True)
    assert "opsbook-lab/ob1234567-web1" in ours
    assert theirs[0] == "systemd-run"
    assert "opsbook-lab/ob1234567-web1" not in theirs


def test_a_virtual_machine_is_started_by_the_same_supervisor_on_the_same_bridge() -> None:
    vm1 = plan.spec_of("vm1")
    words = plan.boot_command(vm1, HERE, NET, [Path("/image")], scoped=False)
    (cable,) = NET.cables(vm1)
    assert any(word.endswith("/opsbook/lab/supervise.sh") for word in words)
    assert f"{NET.bridge} {cable.outer}" in words
    assert f"tap,id=n0,ifname={cable.outer},script=no,downscript=no" in words
    assert "systemd-nspawn" not in words


def test_a_virtual_machine_has_no_network_but_the_labs() -> None:
    words = plan.boot_command(plan.spec_of("vm1"), HERE, NET, [Path("/image")], scoped=False)
    assert [words[n + 1].split(",")[0] for n, word in enumerate(words) if word == "-netdev"] == [
        "tap"
    ]
    assert "-nodefaults" in words


def test_the_card_of_a_virtual_machine_is_found_by_its_address() -> None:
    vm1 = plan.spec_of("vm1")
    (cable,) = NET.cables(vm1)
    files = plan.interfaces(vm1, NET)
    assert f"MACAddress={cable.mac}\n" in files["10-host0.link"]
    assert f"Address={cable.address}/24" in files["10-host0.network"]
    assert int(cable.mac[:2], 16) & 3 == 2  # administered locally, of one card


@given(NAMES)
def test_two_labs_give_their_virtual_machines_different_cards(folder: str) -> None:
    one = plan.choose_network(Path("/") / folder, [])
    other = plan.choose_network(Path("/") / folder / "other", [])
    assert one is not None
    assert other is not None
    vm1 = plan.spec_of("vm1")
    assert one.cables(vm1)[0].mac != other.cables(vm1)[0].mac


def test_an_unknown_host_has_no_design() -> None:
    with pytest.raises(KeyError):
        plan.spec_of("web9")


def test_the_inventory_says_what_is_special_about_a_host() -> None:
    hosts = estate.inventory(plan.host_specs(6), NET, Path("/key"))["all"]
    assert hosts["vars"]["ansible_become"] is True
    assert hosts["vars"]["ansible_ssh_private_key_file"] == "/key"
    assert hosts["hosts"]["old1"]["opsbook_python"] is False
    assert hosts["hosts"]["inner1"] == {"ansible_host": "198.18.5.15", "opsbook_jump": "jump1"}
    assert set(hosts["children"]["web"]["hosts"]) == {"web1", "web2"}
    assert set(hosts["children"]) == {"app", "db", "inner", "jump", "nopython", "web"}


def test_known_hosts_names_every_host_by_address_and_name() -> None:
    specs = plan.host_specs(2)
    text = estate.known_hosts(specs, NET, {"web1": "ssh-ed25519 A", "web2": "ssh-ed25519 B"})
    assert text == "198.18.4.10,web1 ssh-ed25519 A\n198.18.4.11,web2 ssh-ed25519 B\n"


def test_the_ssh_configuration_checks_host_keys_and_knows_the_way_in() -> None:
    text = estate.ssh_config(plan.host_specs(6), NET, Path("/key"), Path("/known"))
    assert "Host inner1\n  HostName 198.18.5.15\n  ProxyJump jump1\n" in text
    assert "StrictHostKeyChecking yes" in text
    assert 'UserKnownHostsFile "/known"' in text
