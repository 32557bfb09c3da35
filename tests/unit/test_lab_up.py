"""Bringing a lab up, repairing it and taking it down, on a machine in memory."""

from __future__ import annotations

import fcntl
import os
import platform
from pathlib import Path

import pytest

from doubles.machine import FakeMachine
from opsbook.domains.logs.model import Source
from opsbook.execution.declared.declarations import load_estate
from opsbook.lab import Lab, needs
from opsbook.model.errors import Busy, HostFailed, InputFault, Refused, UsageFault
from opsbook.model.places import Places


@pytest.fixture(autouse=True)
def _debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The release of the machine these tests run on does not matter, nor who runs them."""
    release = tmp_path / "os-release"
    release.write_text('NAME="Debian"\nVERSION_CODENAME=bookworm\n')
    monkeypatch.setattr(needs, "OS_RELEASE", release)
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def machine() -> FakeMachine:
    return FakeMachine()


@pytest.fixture
def lab(tmp_path: Path, machine: FakeMachine) -> Lab:
    return Lab(Places(tmp_path / "state"), machine=machine)


def _states(lab: Lab) -> dict[str, str]:
    return {one.name: one.state for one in lab.hosts()}


def _boots(lab: Lab) -> dict[str, str]:
    return {one.name: one.boot_id for one in lab.hosts()}


def test_up_boots_the_default_hosts(lab: Lab) -> None:
    states = lab.up()
    assert [one.name for one in states] == ["web1", "web2", "db1", "old1", "jump1", "inner1"]
    assert {one.state for one in states} == {"running"}
    assert all(one.boot_id for one in states)


def test_a_virtual_machine_comes_when_asked_for_and_stays(lab: Lab) -> None:
    assert [one.name for one in lab.up(1, also=["vm1"])] == ["web1", "vm1"]
    assert _states(lab) == {"web1": "running", "vm1": "running"}
    lab.up()
    assert _states(lab) == {"web1": "running", "vm1": "running"}


def test_a_virtual_machine_goes_down_with_the_lab(lab: Lab, machine: FakeMachine) -> None:
    lab.up(1, also=["vm1"])
    lab.down()
    assert machine.alive == []
    assert lab.hosts() == []


def test_what_only_a_virtual_machine_needs_is_not_asked_of_other_labs(
    lab: Lab, machine: FakeMachine
) -> None:
    machine.absent = {"qemu-system-x86_64"}
    lab.up(1)
    with pytest.raises(Refused, match="qemu-system-x86"):
        lab.up(also=["vm1"])
    assert _states(lab) == {"web1": "running"}


def test_where_no_virtual_card_can_be_made_no_virtual_machine_is_started(
    lab: Lab, machine: FakeMachine
) -> None:
    machine.unable = {"tuntap"}
    with pytest.raises(Refused, match="virtual machines"):
        lab.up(1, also=["vm1"])
    assert machine.alive == []


def test_on_another_kind_of_machine_there_is_no_virtual_machine(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(Refused, match="x86_64"):
        lab.up(1, also=["vm1"])
    assert _states(lab) == {}


def test_up_again_touches_nothing(lab: Lab, machine: FakeMachine) -> None:
    lab.up()
    boots, links = _boots(lab), dict(machine.links)
    lab.up()
    assert (_boots(lab), machine.links) == (boots, links)


def test_up_with_more_hosts_leaves_the_others_running(lab: Lab) -> None:
    lab.up(2)
    boots = _boots(lab)
    lab.up(8)
    assert len(lab.hosts()) == 8
    assert {name: _boots(lab)[name] for name in boots} == boots


def test_up_never_takes_hosts_away(lab: Lab) -> None:
    lab.up(7)
    lab.up(2)
    lab.up()
    assert len(lab.hosts()) == 7


def test_a_host_whose_supervisor_died_is_stopped_and_up_boots_it_again(
    lab: Lab, machine: FakeMachine
) -> None:
    lab.up(3)
    boots = _boots(lab)
    machine.alive.pop(1)
    assert _states(lab)["web2"] == "stopped"
    lab.up()
    assert set(_states(lab).values()) == {"running"}
    assert {name for name in boots if _boots(lab)[name] != boots[name]} == {"web2"}


def test_after_a_restart_of_the_machine_up_boots_every_host_with_its_disk(
    lab: Lab, machine: FakeMachine
) -> None:
    lab.up(2)
    kept = lab.directory / "hosts" / "web1" / "upper" / "kept"
    kept.write_text("data")
    machine.alive.clear()
    machine.links = {"lo": ""}
    machine.routes = {}
    lab.up()
    assert set(_states(lab).values()) == {"running"}
    assert kept.read_text() == "data"


def test_a_network_taken_meanwhile_is_left_to_its_owner(lab: Lab, machine: FakeMachine) -> None:
    lab.up(6)
    before = {one.name: one.address for one in lab.hosts()}
    machine.alive.clear()
    front = next(net for net, via in machine.routes.items() if via.endswith("f"))
    machine.links = {"lo": ""}
    machine.routes = {front: "eth1"}
    lab.up()
    after = {one.name: one.address for one in lab.hosts()}
    assert not set(before.values()) & set(after.values())
    assert machine.routes[front] == "eth1"
    assert after["web1"] in (lab.estate / "hosts.yml").read_text()
    assert after["web1"] in (lab.estate / "known_hosts").read_text()
    networkd = lab.directory / "hosts" / "web1" / "upper" / "etc" / "systemd" / "network"
    assert after["web1"] in (networkd / "10-host0.network").read_text()


def test_a_half_made_host_is_made_anew(lab: Lab) -> None:
    lab.up(1)
    part = lab.directory / "hosts" / ".web2.part"
    (part / "upper" / "etc").mkdir(parents=True)
    lab.up(2)
    assert _states(lab) == {"web1": "running", "web2": "running"}
    assert not part.exists()


def test_a_half_built_image_is_never_used(lab: Lab) -> None:
    lab.up(1)
    lab.down()
    (image,) = (lab.directory / "images").glob("base-*")
    image.rename(image.with_name(image.name + ".part"))
    lab.up(1)
    assert image.is_dir()
    assert not list((lab.directory / "images").glob("*.part"))


def test_a_host_that_does_not_boot_is_named(lab: Lab, machine: FakeMachine) -> None:
    machine.broken = {"web2"}
    with pytest.raises(HostFailed, match="web2"):
        lab.up(3)


def test_down_leaves_nothing_on_the_machine(lab: Lab, machine: FakeMachine) -> None:
    before = (dict(machine.links), dict(machine.routes))
    lab.up(6)
    lab.down()
    assert machine.alive == []
    assert (machine.links, machine.routes) == before
    assert lab.hosts() == []
    assert not lab.estate.exists()


def test_down_keeps_images_and_keys_and_purge_does_not(lab: Lab) -> None:
    lab.up(1)
    lab.down()
    assert lab.key.exists()
    assert list((lab.directory / "images").glob("base-*"))
    lab.down(purge=True)
    assert not lab.directory.exists()


def test_down_clears_a_lab_whose_directory_is_gone(
    lab: Lab, machine: FakeMachine, tmp_path: Path
) -> None:
    before = (dict(machine.links), dict(machine.routes))
    lab.up(2)
    (tmp_path / "state" / "lab").rename(tmp_path / "elsewhere")
    lab.down()
    assert machine.alive == []
    assert (machine.links, machine.routes) == before


def test_down_of_a_lab_that_never_was_is_no_fault(lab: Lab) -> None:
    lab.down()
    lab.down(purge=True)


def test_two_labs_live_side_by_side(tmp_path: Path, machine: FakeMachine) -> None:
    one = Lab(Places(tmp_path / "one"), machine=machine)
    two = Lab(Places(tmp_path / "two"), machine=machine)
    one.up(2)
    two.up(2)
    assert not {h.address for h in one.hosts()} & {h.address for h in two.hosts()}
    one.down()
    assert set(_states(two).values()) == {"running"}
    two.up()
    two.down()
    assert machine.links == {"lo": ""}


def test_a_directory_that_is_no_lab_is_left_alone(lab: Lab) -> None:
    lab.directory.mkdir(parents=True)
    (lab.directory / "thesis.txt").write_text("years of work")
    for verb in (lab.up, lab.down, lambda: lab.down(purge=True)):
        with pytest.raises(Refused, match=r"lab\.json"):
            verb()
    assert (lab.directory / "thesis.txt").exists()


def test_a_second_up_at_the_same_time_is_busy(lab: Lab, tmp_path: Path) -> None:
    lab.up(1)
    with (tmp_path / "state" / "lab.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Busy):
            lab.up()
        with pytest.raises(Busy):
            lab.down()


def test_a_damaged_marker_is_bad_input_and_down_still_clears_up(
    lab: Lab, machine: FakeMachine
) -> None:
    lab.up(1)
    (lab.directory / "lab.json").write_text('{"front": "nonsense"')
    with pytest.raises(InputFault, match=r"lab\.json"):
        lab.up()
    lab.down()
    assert machine.alive == []


@pytest.mark.parametrize("count", [0, -1, 201])
def test_a_silly_number_of_hosts_is_refused(lab: Lab, count: int) -> None:
    with pytest.raises(UsageFault):
        lab.up(count)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"absent": {"systemd-nspawn"}}, "systemd-container"),
        ({"absent": {"debootstrap"}}, "debootstrap"),
        ({"absent": {"ip"}}, "iproute2"),
        ({"unable": {"--pid"}}, "CAP_SYS_ADMIN"),
        ({"unable": {"overlay"}}, "Overlay"),
        ({"unable": {"bridge"}}, "bridges"),
        ({"apt": ""}, "apt-get update"),
    ],
)
def test_what_is_missing_for_a_lab_is_said_and_nothing_started(
    lab: Lab, machine: FakeMachine, change: dict[str, object], said: str
) -> None:
    for name, value in change.items():
        setattr(machine, name, value)
    with pytest.raises(Refused, match=said):
        lab.up()
    assert machine.alive == []
    assert machine.links == {"lo": ""}


def test_without_root_only_that_is_said(lab: Lab, machine: FakeMachine) -> None:
    machine.absent = {"ip", "ssh"}
    missing = needs.requirements(lab.directory, machine, uid=1000)
    assert [one.english() for one in missing] == [
        "A lab needs root: it boots containers and makes network bridges."
    ]


@pytest.mark.parametrize("name", ["a b", "a:b", "a,b", 'a"b', "a%b", "a\\b", "a\nb"])
def test_a_path_that_mount_would_misread_is_said(
    tmp_path: Path, machine: FakeMachine, name: str
) -> None:
    missing = needs.requirements(tmp_path / name, machine, uid=0)
    assert any("cannot hold a lab" in one.english() for one in missing)


def test_the_live_estate_is_a_valid_estate(lab: Lab, tmp_path: Path) -> None:
    lab.up()
    loaded = load_estate(str(lab.estate), Places(tmp_path))
    assert loaded.name == "lab"
    assert {one.runbook for one in loaded.schedules} == {"log_collection", "log_retention"}


def test_the_log_sources_of_the_lab_are_valid(lab: Lab) -> None:
    from ruamel.yaml import YAML

    lab.up(1)
    found = []
    for file in sorted((lab.estate / "group_vars").iterdir()):
        for name, value in YAML(typ="safe").load(file.read_text()).items():
            sources = value if name.startswith("opsbook_logs_") else ()
            found += [Source.model_validate(one).name for one in sources]
    assert {"app", "nginx_access", "nginx_error", "postgresql", "syslog", "units"} <= set(found)
    assert len(set(found)) == len(found)


def test_files_put_into_the_live_estate_by_others_stay(lab: Lab) -> None:
    lab.up(1)
    (lab.estate / "allowed_signers").write_text("someone")
    lab.up()
    assert (lab.estate / "allowed_signers").read_text() == "someone"


def test_ssh_to_a_host_that_the_lab_has_not_is_a_usage_fault(lab: Lab) -> None:
    lab.up(1)
    for name in ("web9", "-oProxyCommand=touch /tmp/x", ""):
        with pytest.raises(UsageFault):
            lab.ssh_argv(name)


def test_traffic_goes_to_running_application_hosts_only(lab: Lab, machine: FakeMachine) -> None:
    lab.up(4)
    machine.alive.pop(1)
    machine.ran.clear()
    assert lab.traffic(10) == {}
    reached = {words[3] for words in machine.ran if words[0] == "ssh"}
    assert reached == {"web1", "old1"}


@pytest.mark.parametrize(("before", "after"), [(128, 2048), (2048, 2048), (8192, 8192)])
def test_the_limit_that_hosts_share_is_raised_and_never_lowered(
    lab: Lab, machine: FakeMachine, before: int, after: int
) -> None:
    machine.inotify = before
    lab.up(1)
    assert machine.inotify == after


def test_the_live_estate_has_an_approver_whose_key_stays(lab: Lab) -> None:
    lab.up(1)
    signers = (lab.estate / "allowed_signers").read_text()
    public = lab.approver.with_suffix(".pub").read_text().strip()
    assert signers == f'approver@example.invalid namespaces="opsbook-approval" {public}\n'
    assert "approver@example.invalid" in (lab.estate / "approvers.yml").read_text()
    lab.down(purge=True)
    lab.up(1)
    assert (lab.estate / "allowed_signers").read_text() == signers
