"""The lab's mirror and its demo packages, on a machine in memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from doubles.machine import FakeMachine
from opsbook.lab import Lab, demo_packages, needs
from opsbook.lab.mirror import Offer, introduce
from opsbook.model.errors import HostFailed, UsageFault
from opsbook.model.places import Places

SERVER = "opsbook.domains.patching.bundle.serve"


class FakeUpdates:
    """Updates without packages."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree

    def provide(self, images: Sequence[Path], suite: str) -> Offer:
        """What there is, whatever the images."""
        return Offer(self.tree, "Types: deb\nURIs: http://updates.lab:8180/x\n", "a key\n")


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
    return Lab(Places(tmp_path / "state"), machine=machine, updates=FakeUpdates(tmp_path / "tree"))


def _servers(machine: FakeMachine) -> list[tuple[str, ...]]:
    return [one.argv for one in machine.alive if SERVER in one.argv]


def _told(machine: FakeMachine) -> dict[str, str]:
    """The script that each host was given to know the mirror."""
    found = [words for words in machine.ran if words[0] == "ssh" and "updates.lab" in words[-1]]
    return {words[3]: words[-1] for words in found}


def test_without_being_asked_the_lab_serves_nothing(lab: Lab, machine: FakeMachine) -> None:
    lab.up()
    assert not _servers(machine)
    assert not _told(machine)


def test_one_server_on_the_labs_own_address_serves_all_hosts(
    lab: Lab, machine: FakeMachine
) -> None:
    lab.up(updates=True)
    lab.up(updates=True)
    (argv,) = _servers(machine)
    assert argv[-3].startswith("198.1")
    assert set(_told(machine)) == {"web1", "web2", "db1", "old1", "jump1", "inner1"}


def test_inner_hosts_ask_the_jump_host_which_passes_it_on(lab: Lab, machine: FakeMachine) -> None:
    lab.up(updates=True)
    told = _told(machine)
    (argv,) = _servers(machine)
    assert f"{argv[-3]} updates.lab" in told["jump1"]
    assert "lab-updates.socket" in told["jump1"]
    assert f"{argv[-3]} updates.lab" not in told["inner1"]
    assert "systemctl" not in told["web1"]
    assert next(iter(told)) == "jump1"


def test_once_served_hosts_stay_served_and_a_dead_server_is_replaced(
    lab: Lab, machine: FakeMachine
) -> None:
    lab.up(2, updates=True)
    machine.alive = [one for one in machine.alive if SERVER not in one.argv]
    lab.up(3)
    assert len(_servers(machine)) == 1
    assert "db1" in _told(machine)


def test_down_ends_the_server_even_when_the_directory_is_gone(
    lab: Lab, machine: FakeMachine, tmp_path: Path
) -> None:
    lab.up(1, updates=True)
    (tmp_path / "state" / "lab").rename(tmp_path / "elsewhere")
    lab.down()
    assert machine.alive == []


def test_after_down_nothing_is_served_until_asked_again(lab: Lab, machine: FakeMachine) -> None:
    lab.up(1, updates=True)
    lab.down()
    assert machine.alive == []
    lab.up(1)
    assert not _servers(machine)


def test_the_server_of_another_lab_is_left_alone(tmp_path: Path, machine: FakeMachine) -> None:
    labs = [
        Lab(Places(tmp_path / name), machine=machine, updates=FakeUpdates(tmp_path / "tree"))
        for name in ("one", "two")
    ]
    for lab in labs:
        lab.up(1, updates=True)
    labs[0].down()
    (argv,) = _servers(machine)
    assert argv[-1] == str(labs[1].directory)


def test_a_host_that_cannot_read_its_updates_is_named(lab: Lab, machine: FakeMachine) -> None:
    lab.up(2)
    machine.unable = {"updates.lab"}
    with pytest.raises(HostFailed, match="web1"):
        lab.up(updates=True)


def test_the_rpm_host_is_there_only_when_named(lab: Lab) -> None:
    assert "rpm1" not in [one.name for one in lab.up(8)]
    assert [one.name for one in lab.up(also=["rpm1"])][-1] == "rpm1"
    with pytest.raises(UsageFault, match="rpm1"):
        lab.up(also=["web9"])


@pytest.mark.parametrize("text", ["it's", "$(reboot)", "a\nb'c\"", "`x`"])
def test_what_hosts_are_told_is_never_a_command(tmp_path: Path, text: str) -> None:
    script = introduce(Offer(tmp_path, text, text), "192.0.2.1", relay=False)
    # Everything after `sudo sh -c` is one word, and in it the text is one word again.
    shown = subprocess.run(
        ["sh", "-c", script.replace("sudo sh -c", "printf %s", 1)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    line = shown.split("\n", 1)[1].split(">/etc/apt/sources.list.d", 1)[0]
    word = line.split("printf %s ", 1)[1]
    again = subprocess.run(["sh", "-c", f"printf %s {word}"], capture_output=True, text=True,
                           check=True).stdout  # fmt: skip
    assert again == text


def test_demo_packages_have_the_same_bytes_whenever_they_are_built(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        for package in demo_packages.packages(demo_packages.NEW):
            demo_packages.build(package, tmp_path / place)
    built = sorted((tmp_path / "one").iterdir())
    assert len(built) == 7
    assert all(one.read_bytes() == (tmp_path / "two" / one.name).read_bytes() for one in built)


def test_only_the_new_version_can_be_made_to_fail() -> None:
    scripts = {
        version: [
            one.scripts for one in demo_packages.packages(version) if one.name.endswith("fail")
        ]
        for version in (demo_packages.OLD, demo_packages.NEW)
    }
    assert scripts[demo_packages.OLD] == [{}]
    assert demo_packages.FAIL_SWITCH in scripts[demo_packages.NEW][0]["postinst"]
