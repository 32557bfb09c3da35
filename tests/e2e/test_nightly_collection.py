"""Nights on real hosts: rotation, traffic, death, cut cables, and every line exactly once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opsbook.lab import Lab
from opsbook.model.exits import Exit

pytestmark = [pytest.mark.lab, pytest.mark.slow]

OPSBOOK = Path(sys.executable).parent / "opsbook"
APP_HOSTS = ("web1", "web2", "old1", "inner1")
ROTATE = "sudo logrotate -f /etc/logrotate.d/app"

BULK = (
    "head -c 15000000 /dev/urandom | base64 -w 75 | sed = | paste - - > /var/log/app/app.log.bulk"
)
"""266,667 numbered lines that compress badly, so that a slowed transfer can be cut."""


class Site:
    """The lab's estate with a state of its own, used through the command."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab = lab
        self.home = home
        self.estate = home / "estate"
        shutil.copytree(lab.estate, self.estate)
        self.env = os.environ | {"OPSBOOK_STATE": str(home / "state"), "LC_ALL": "C.UTF-8"}

    def opsbook(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [OPSBOOK, *words], env=self.env, capture_output=True, text=True, check=False
        )

    def night(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.opsbook("run", "log_collection", "-e", self.estate, *words)

    def record(self) -> dict:
        (newest,) = json.loads(self.opsbook("records", "list", "-n", "1", "--json").stdout)
        return json.loads(self.opsbook("records", "show", newest["run"], "--json").stdout)

    def outcomes(self) -> dict[str, str]:
        return {host["name"]: host["outcome"] for host in self.record()["hosts"]}

    def kept_numbers(self, host: str) -> list[int]:
        shown = self.opsbook("logs", "show", "-e", self.estate, "--host", host, "--source", "app")
        assert shown.returncode == 0, shown.stderr
        return [int(line.split(" app ")[1].split()[1]) for line in shown.stdout.splitlines()]

    def ssh(self, host: str, command: str) -> str:
        done = self.lab.ssh(host, command)
        assert done.returncode == 0, f"{host}: {command}: {done.stderr}"
        return done.stdout


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Site:
    return Site(lab, tmp_path)


def each_once(numbers: list[int]) -> None:
    assert numbers, "nothing was kept"
    assert len(numbers) == len(set(numbers)), "a line was kept twice"
    assert sorted(numbers) == list(range(min(numbers), max(numbers) + 1)), "a line is missing"


def wait_until_bytes_flow(site: Site, number: int) -> None:
    for _ in range(600):
        parts = (site.home / "state" / "logs").rglob("*.part")
        if any(part.stat().st_size >= number for part in parts):
            return
        time.sleep(0.05)
    pytest.fail(f"{number} bytes did not arrive in 30 s")


def test_three_nights_with_rotation_keep_every_line_exactly_once(site: Site) -> None:
    for night in range(3):
        for host in APP_HOSTS:
            site.ssh(host, f"sudo app-burst {500 + night}")
            if night and host != "web2":
                site.ssh(host, ROTATE)
                site.ssh(host, "sudo app-burst 100")
        done = site.night()
        assert done.returncode == Exit.DONE, done.stderr
    for host in ("web1", "old1", "inner1"):
        each_once(site.kept_numbers(host))
    assert site.opsbook("logs", "verify", "-e", site.estate).returncode == Exit.DONE
    assert site.opsbook("records", "verify").returncode == Exit.DONE


def test_what_copytruncate_destroys_is_bounded_and_told_and_the_rest_is_kept_once(
    site: Site,
) -> None:
    assert site.night("-l", "web2").returncode == Exit.DONE
    for _ in range(3):
        site.ssh("web2", "sudo app-burst 400")
        site.ssh("web2", ROTATE)
        site.ssh("web2", "sudo app-burst 50")
        assert site.night("-l", "web2").returncode == Exit.DONE
        (host,) = site.record()["hosts"]
        losses = [loss for loss in host["evidence"]["losses"] if loss["source"] == "app"]
        assert losses, "a truncation was passed over in silence"
        assert all(loss["after"] and loss["before"] for loss in losses)
    kept = site.kept_numbers("web2")
    assert len(kept) == len(set(kept)), "a line was kept twice"
    missing = set(range(min(kept), max(kept) + 1)) - set(kept)
    assert len(missing) <= 60, f"{len(missing)} lines are missing around three truncations"


def test_killed_in_the_middle_of_the_night_nothing_is_lost_or_doubled(site: Site) -> None:
    rng = random.Random(20261121)
    for _ in range(5):
        for host in APP_HOSTS[:1] + APP_HOSTS[2:]:
            site.ssh(host, "sudo app-burst 2000")
        argv = [OPSBOOK, "run", "log_collection", "-e", site.estate]
        process = subprocess.Popen(argv, env=site.env, start_new_session=True)
        time.sleep(rng.uniform(0.6, 2.2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for line in json.loads(site.opsbook("records", "list", "--json").stdout):
        if line["state"] == "interrupted":
            resumed = site.opsbook("resume", line["run"])
            assert resumed.returncode == Exit.DONE, resumed.stderr
    assert site.night().returncode == Exit.DONE
    for host in ("web1", "old1", "inner1"):
        each_once(site.kept_numbers(host))
    assert site.opsbook("logs", "verify", "-e", site.estate).returncode == Exit.DONE
    assert site.opsbook("records", "verify").returncode == Exit.DONE


def test_a_dead_host_does_not_hold_up_the_others(site: Site) -> None:
    hosts = (site.estate / "hosts.yml").read_text(encoding="utf-8")
    address = next(host.address for host in site.lab.hosts() if host.name == "db1")
    dead = address.rpartition(".")[0] + ".250"
    (site.estate / "hosts.yml").write_text(hosts.replace(address, dead), encoding="utf-8")
    done = site.night()
    assert done.returncode == Exit.HOST_UNREACHABLE
    assert "db1" in done.stderr
    outcomes = site.outcomes()
    assert outcomes.pop("db1") == "unreachable"
    assert set(outcomes.values()) == {"ok"}
    record = site.record()
    others = [host["seconds"] for host in record["hosts"] if host["name"] != "db1"]
    dead_for = next(host["seconds"] for host in record["hosts"] if host["name"] == "db1")
    assert max(others) < dead_for


def test_a_changed_host_key_is_refused_in_one_clear_sentence(site: Site) -> None:
    known = (site.estate / "known_hosts").read_text(encoding="utf-8").splitlines()
    address = next(host.address for host in site.lab.hosts() if host.name == "web1")
    other = next(line for line in known if not line.startswith(address))
    changed = [
        f"{line.split(' ')[0]} {' '.join(other.split(' ')[1:])}" if address in line else line
        for line in known
    ]
    (site.estate / "known_hosts").write_text("\n".join(changed) + "\n", encoding="utf-8")
    done = site.night("-l", "web1")
    assert done.returncode == Exit.HOST_UNREACHABLE
    assert "key" in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_a_network_cut_in_mid_transfer_is_caught_up_the_next_night(site: Site) -> None:
    site.ssh("web1", f"sudo sh -c '{BULK}'")
    try:
        argv = [OPSBOOK, "run", "log_collection", "-e", site.estate, "-l", "web1"]
        argv += ["--set", "host_rate_mib=1"]
        process = subprocess.Popen(argv, env=site.env, stderr=subprocess.PIPE, text=True)
        wait_until_bytes_flow(site, 1024 * 1024)
        site.lab.ssh("web1", "sudo pkill -u ops sshd")
        _, said = process.communicate(timeout=120)
        assert process.returncode == Exit.HOST_UNREACHABLE, said
        assert site.night("-l", "web1").returncode == Exit.DONE
        shown = site.opsbook(
            "logs", "show", "-e", site.estate, "--host", "web1", "--path", "*.bulk"
        )
        numbers = [int(line.split()[0]) for line in shown.stdout.splitlines()]
        assert numbers == list(range(1, 266_668))
    finally:
        site.ssh("web1", "sudo rm -f /var/log/app/app.log.bulk")
