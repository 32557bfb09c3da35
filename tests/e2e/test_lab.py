"""The lab itself: real hosts, mistreated."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opsbook.lab import Lab, plan
from opsbook.lab.machine import LinuxMachine

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def _say(lab: Lab, host: str, command: str) -> str:
    done = lab.ssh(host, command)
    assert done.returncode == 0, f"{host}: {command}: {done.stderr}"
    return done.stdout.strip()


def _numbers(lab: Lab, host: str) -> list[int]:
    """The numbers of all lines of the application, sorted: between the rename of a rotation and
    its signal, one writer has the old file and another the new one.
    """
    command = "sudo sh -c 'zcat -f /var/log/app/app.log*'"
    return sorted(int(line.split()[3]) for line in _say(lab, host, command).splitlines())


def _boot(lab: Lab, host: str) -> str:
    return next(one.boot_id for one in lab.hosts() if one.name == host)


def _supervisor(lab: Lab, host: str) -> int:
    place = str(lab.directory / "hosts" / host)
    found = [
        one.pid
        for one in LinuxMachine().processes()
        if one.argv[:1] == ("sh",) and place in one.argv
    ]
    assert len(found) == 1
    return found[0]


def _left_over(lab: Lab) -> list[str]:
    """Everything on this machine that bears the lab's name or path."""
    prefix, place = plan.prefix_of(lab.directory), str(lab.directory)
    commands = {
        "link": ["ip", "-oneline", "link"],
        "mount": ["cat", "/proc/mounts"],
        "process": ["ps", "-eo", "args"],
        "cgroup": ["find", "/sys/fs/cgroup", "-type", "d", "-name", f"{prefix}*"],
        "nspawn": ["find", "/run/systemd/nspawn", "-name", f"{prefix}*"],
    }
    machine, found = LinuxMachine(), []
    for kind, argv in commands.items():
        lines = machine.run(argv).out.splitlines()
        found += [f"{kind}: {line}" for line in lines if prefix in line or place in line]
    return found


def test_every_host_answers_under_its_own_name(lab: Lab) -> None:
    for host in lab.hosts():
        assert _say(lab, host.name, "hostname") == host.name


def test_ops_becomes_root_without_a_password(lab: Lab) -> None:
    assert _say(lab, "web1", "sudo -n id -u") == "0"


def test_hosts_live_in_the_estates_time_zone(lab: Lab) -> None:
    assert {_say(lab, one.name, "date +%z") for one in lab.hosts()} == {"+0800"}


def test_services_run_as_on_real_hosts(lab: Lab) -> None:
    for host, units in {
        "web1": "app nginx visitor rsyslog cron ssh logrotate.timer",
        "db1": "postgresql@15-main queries rsyslog",
        "old1": "app rsyslog ssh",
    }.items():
        states = _say(lab, host, f"systemctl is-active {units}").split()
        assert set(states) == {"active"}, host
    assert {_say(lab, one.name, "systemctl --failed --no-legend") for one in lab.hosts()} == {""}


def test_old1_has_no_python_at_all(lab: Lab) -> None:
    command = "find / -xdev -type f -name 'python*' -perm /111 2>/dev/null | head -n 1"
    assert _say(lab, "old1", f'sudo sh -c "{command}"') == ""
    assert lab.ssh("old1", "python3 --version").returncode == 127
    assert lab.ssh("web1", "python3 --version").returncode == 0


def test_hosts_have_no_way_out(lab: Lab) -> None:
    for host in lab.hosts():
        assert "default" not in _say(lab, host.name, "ip route")


def test_inner1_is_reached_through_jump1_only(lab: Lab) -> None:
    inner = next(one for one in lab.hosts() if one.name == "inner1")
    machine = LinuxMachine()
    assert "unreachable" in machine.run(["ip", "route", "show", "to", "match", inner.address]).out
    direct = ["ssh", "-F", str(lab.ssh_config), "-o", "ProxyJump=none", "inner1", "true"]
    assert machine.run(direct).status == 255
    front = next(one.address for one in lab.hosts() if one.name == "web1")
    assert lab.ssh("inner1", f"curl --max-time 2 --silent http://{front}/").returncode != 0
    assert _say(lab, "inner1", "hostname") == "inner1"


def test_an_unknown_host_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    other = (lab.estate / "known_hosts").read_text().splitlines()[1].split()[1:]
    known.write_text(" ".join([next(iter(lab.hosts())).address, *other]) + "\n")
    argv = ["ssh", "-F", str(lab.ssh_config), "-o", f"UserKnownHostsFile={known}", "web1", "true"]
    assert LinuxMachine().run(argv).status == 255


@pytest.mark.parametrize("host", ["web1", "old1", "inner1"])
def test_a_burst_writes_exactly_so_many_lines_and_rotation_loses_none(lab: Lab, host: str) -> None:
    _say(lab, host, "sudo systemctl stop app")
    before = _numbers(lab, host)
    _say(lab, host, "sudo systemctl start app; sudo app-burst 20000 &"
                    " sudo logrotate -f /etc/logrotate.d/app; wait;"
                    " sudo logrotate -f /etc/logrotate.d/app; sudo systemctl stop app")  # fmt: skip
    numbers = _numbers(lab, host)
    _say(lab, host, "sudo systemctl start app")
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= len(before) + 20000


def test_a_burst_without_the_application_adds_exactly_its_number(lab: Lab) -> None:
    _say(lab, "web2", "sudo systemctl stop app")
    before = len(_numbers(lab, "web2"))
    _say(lab, "web2", "sudo app-burst 12345")
    assert len(_numbers(lab, "web2")) == before + 12345
    _say(lab, "web2", "sudo systemctl start app")


def test_numbers_go_on_after_the_application_was_killed(lab: Lab) -> None:
    for _ in range(5):
        _say(lab, "inner1", "sudo systemctl kill --signal=KILL app; sleep 1.6")
    numbers = _numbers(lab, "inner1")
    assert numbers == list(range(1, len(numbers) + 1))


def test_copytruncate_keeps_the_file_and_create_makes_another(lab: Lab) -> None:
    inodes = {}
    for host in ("web1", "web2"):
        look = "stat -c %i /var/log/app/app.log"
        before = _say(lab, host, look)
        _say(lab, host, "sudo logrotate -f /etc/logrotate.d/app")
        inodes[host] = (before, _say(lab, host, look))
    assert inodes["web1"][0] != inodes["web1"][1]
    assert inodes["web2"][0] == inodes["web2"][1]


def test_a_burst_of_nonsense_is_refused(lab: Lab) -> None:
    for word in ("", "x", "-1", "'1;id'", "'1 2'"):
        assert lab.ssh("web1", f"sudo app-burst {word} </dev/null").returncode != 0


def test_a_host_reboots_and_comes_back_with_a_new_boot_id(lab: Lab) -> None:
    before = _boot(lab, "web2")
    lab.ssh("web2", "sudo reboot")
    deadline = time.monotonic() + 60
    while _boot(lab, "web2") in ("", before):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert _say(lab, "web2", "cat /proc/sys/kernel/random/boot_id") == _boot(lab, "web2") != before


def test_the_way_through_the_jump_host_survives_its_reboot(lab: Lab) -> None:
    before = _boot(lab, "jump1")
    lab.ssh("jump1", "sudo reboot")
    deadline = time.monotonic() + 60
    while _boot(lab, "jump1") in ("", before) or lab.ssh("inner1", "true").returncode:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_up_of_a_running_lab_is_quick_and_changes_nothing(lab: Lab) -> None:
    before = {one.name: one.boot_id for one in lab.hosts()}
    started = time.monotonic()
    lab.up()
    assert time.monotonic() - started < 10
    assert {one.name: one.boot_id for one in lab.hosts()} == before


def test_status_as_json_names_every_host(lab: Lab) -> None:
    env = {**os.environ, "OPSBOOK_STATE": str(lab.directory.parent)}
    command = [sys.executable, "-m", "opsbook", "lab", "status", "--json"]
    rows = json.loads(subprocess.run(command, env=env, check=True, capture_output=True).stdout)
    assert [row["host"] for row in rows] == [one.name for one in lab.hosts()]
    assert {row["state"] for row in rows} == {"running"}


def test_the_ssh_verb_passes_words_and_the_exit_status_on(lab: Lab) -> None:
    env = {**os.environ, "OPSBOOK_STATE": str(lab.directory.parent)}
    command = [sys.executable, "-m", "opsbook", "lab", "ssh", "web1", "--"]
    words = subprocess.run(
        [*command, "printf", "%s|", "a b", "$HOME", "-x"], env=env, check=True, capture_output=True
    )
    assert words.stdout == b"a b|$HOME|-x|"
    assert subprocess.run([*command, "exit 7"], env=env, check=False).returncode == 7


def test_a_killed_supervisor_pulls_its_hosts_plug_and_up_repairs(own_lab: Lab) -> None:
    own_lab.up(2)
    other = _boot(own_lab, "web2")
    _say(own_lab, "web1", "sudo touch /root/kept")
    os.kill(_supervisor(own_lab, "web1"), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while {one.name: one.state for one in own_lab.hosts()}["web1"] != "stopped":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    own_lab.up()
    assert _say(own_lab, "web1", "sudo ls /root/kept") == "/root/kept"
    assert _boot(own_lab, "web2") == other
    own_lab.down()
    assert _left_over(own_lab) == []


def test_a_killed_container_stops_its_host_and_down_clears_up(own_lab: Lab) -> None:
    own_lab.up(2)
    root = f"--directory={own_lab.directory}/hosts/web1/root"
    for process in LinuxMachine().processes():
        if process.argv[:1] == ("systemd-nspawn",) and root in process.argv:
            os.kill(process.pid, signal.SIGKILL)
    time.sleep(0.5)
    assert {one.name: one.state for one in own_lab.hosts()}["web1"] == "stopped"
    own_lab.down()
    assert _left_over(own_lab) == []


@pytest.mark.parametrize("seconds", [0.7, 1.0, 1.5, 2.5])
def test_up_killed_at_any_moment_is_repaired_by_up_and_cleared_by_down(
    own_lab: Lab, seconds: float
) -> None:
    images = Path(__file__).parents[2] / ".state" / "lab-images"
    env = {
        **os.environ,
        "OPSBOOK_STATE": str(own_lab.directory.parent),
        "OPSBOOK_LAB_IMAGES": str(images),
    }
    command = [sys.executable, "-m", "opsbook", "lab", "up", "--hosts", "2"]
    for repair in (True, False):
        running = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
        time.sleep(seconds)
        running.kill()
        running.wait()
        if repair:
            assert {one.state for one in own_lab.up(2)} == {"running"}
            assert _say(own_lab, "web1", "hostname") == "web1"
        own_lab.down()
        assert _left_over(own_lab) == []


def test_two_labs_live_side_by_side_and_down_of_one_leaves_the_other(
    lab: Lab, own_lab: Lab
) -> None:
    before = {one.name: one.boot_id for one in lab.hosts()}
    own_lab.up(1)
    assert own_lab.hosts()[0].address not in [one.address for one in lab.hosts()]
    assert _say(own_lab, "web1", "hostname") == "web1"
    own_lab.down()
    assert {one.name: one.boot_id for one in lab.hosts()} == before
    assert _say(lab, "inner1", "hostname") == "inner1"
