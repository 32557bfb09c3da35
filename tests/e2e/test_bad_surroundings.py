"""Hosts and control hosts that are not as they should be: each told, nothing lost, nothing run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsbook.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.slow]

OPSBOOK = Path(sys.executable).parent / "opsbook"
Done = subprocess.CompletedProcess[str]


class Site:
    """The lab's estate as a copy that a test may spoil, with a state of its own."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab = lab
        self.home = home
        self.estate = home / "estate"
        shutil.copytree(lab.estate, self.estate)

    def run(self, runbook: str, *words: str, **env: str) -> Done:
        here = {"OPSBOOK_STATE": str(self.home / "state"), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [OPSBOOK, "run", runbook, "-e", self.estate, *words],
            env={**os.environ, **here, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    def as_user(self, host: str, user: str, *, become: bool = False) -> None:
        """Reach ``host`` with another account from now on."""
        file = self.estate / "hosts.yml"
        hosts = json.loads(file.read_text())
        hosts["all"]["hosts"][host] |= {"ansible_user": user, "ansible_become": become}
        file.write_text(json.dumps(hosts))


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Site:
    return Site(lab, tmp_path)


@pytest.fixture
def odd(lab: Lab) -> Iterator[str]:
    """An account on web1 that is let in by the lab's key and may do nothing else."""
    make = (
        "useradd -m -s /bin/sh odd && install -m 644 /etc/ssh/authorized_keys.d/ops "
        "/etc/ssh/authorized_keys.d/odd"
    )
    made = lab.ssh("web1", f"sudo bash -c '{make}'")
    assert made.returncode == 0, made.stderr
    yield "odd"
    lab.ssh("web1", "sudo userdel -rf odd; sudo rm -f /etc/ssh/authorized_keys.d/odd")


def test_a_sudo_that_asks_for_a_password_is_named(site: Site, odd: str) -> None:
    site.as_user("web1", odd, become=True)
    done = site.run("log_collection", "-l", "web1")
    assert done.returncode == 10
    assert "sudo on web1 did not let opsbook in" in done.stderr
    assert "without a password" in done.stderr


@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/bin/false"])
def test_an_account_without_a_shell_fails_the_host(site: Site, odd: str, shell: str) -> None:
    site.lab.ssh("web1", f"sudo usermod -s {shell} {odd}")
    site.as_user("web1", odd)
    done = site.run("log_collection", "-l", "web1")
    assert done.returncode == 10
    assert "web1: failed" in done.stderr


def test_what_a_login_prints_is_not_taken_for_an_answer(site: Site, odd: str) -> None:
    shell = '#!/bin/sh\necho Welcome; printf "\\033[31m opsbook 1 2 3\\n"; exec /bin/sh "$@"\n'
    place = "sudo tee /usr/local/bin/loud; sudo chmod 755 /usr/local/bin/loud"
    argv = site.lab.ssh_argv("web1", [place])
    there = subprocess.run(argv, input=shell, capture_output=True, text=True, check=False)
    assert there.returncode == 0, there.stderr
    try:
        site.lab.ssh("web1", f"sudo usermod -s /usr/local/bin/loud {odd}")
        site.as_user("web1", odd)
        assert site.run("log_collection", "-l", "web1").returncode == 0
    finally:
        site.lab.ssh("web1", "sudo rm /usr/local/bin/loud")


def test_a_host_key_that_changed_is_not_trusted_and_the_others_go_on(site: Site) -> None:
    known = site.estate / "known_hosts"
    lines = [line.split(" ", 2) for line in known.read_text().splitlines()]
    web1 = next(line for line in lines if "198." in line[0])
    other = next(line for line in lines if line[2] != web1[2])
    changed = [[name, kind, other[2] if name == web1[0] else key] for name, kind, key in lines]
    known.write_text("".join(" ".join(line) + "\n" for line in changed))
    done = site.run("log_collection", "-l", "web1,web2,db1")
    assert done.returncode == 11
    assert "The host key of web1 is not the one on file" in done.stderr
    assert "Find out why first" in done.stderr
    assert "web2: ok" in done.stderr
    assert "db1: ok" in done.stderr


def test_a_host_key_that_is_not_on_file_is_not_trusted(site: Site) -> None:
    (site.estate / "known_hosts").write_text("")
    done = site.run("log_collection", "-l", "web1")
    assert done.returncode == 11
    assert "The host key of web1 is not on file" in done.stderr


def test_this_machine_without_ssh_says_so(site: Site) -> None:
    tools = site.home / "tools"
    tools.mkdir()
    for name in ("sh", "env"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    done = site.run("log_collection", "-l", "web1", PATH=str(tools))
    assert done.returncode == 10
    assert "This machine has no ssh in its PATH" in done.stderr


@pytest.mark.parametrize("runbook", ["log_collection", "host_survey"])
def test_no_name_of_the_state_is_taken_for_words(site: Site, runbook: str) -> None:
    """Not by Ansible, and not by the shell that OpenSSH calls for a host behind a jump host."""
    state = str(site.home / "my, 'own' $(touch pwned) %h state")
    done = site.run(runbook, "-l", "web1,old1,inner1", OPSBOOK_STATE=state)
    assert done.returncode == 0, done.stderr
    assert not list(site.home.rglob("pwned"))
    assert not Path("pwned").exists()
