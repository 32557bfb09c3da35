"""A lab whose hosts are patched through the command, and what can be seen on its hosts."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from opsbook.lab import Lab

OPSBOOK = Path(sys.executable).parent / "opsbook"

DEMO = "opsbook-demo-app,opsbook-demo-lib,opsbook-demo-conf,opsbook-demo-service,opsbook-demo-fail"
REAL = "openssl,libssl3"

_LOOK = f"""
dpkg-query -W -f '${{binary:Package}} ${{Version}} ${{db:Status-Abbrev}}\\n'
apt-mark showauto | sort
apt-mark showhold | sort
dpkg -L {DEMO.replace(",", " ")} {REAL.replace(",", " ")} | sort -u >/tmp/look
while read -r each; do [ ! -f "$each" ] || echo "$each"; done </tmp/look >/tmp/files
xargs -d '\\n' stat -c '%a %U %G %n' </tmp/files
xargs -d '\\n' sha256sum </tmp/files
rm /tmp/look /tmp/files
"""
"""Every package with its version and state, the marks, and every file of the patched packages."""

_TOUCHED = "cat /var/log/dpkg.log /var/log/apt/history.log | sha256sum"
_TOUCHED += "; cat /proc/1/stat | cut -d ' ' -f 22"

Seen = TypeVar("Seen")


class Patched:
    """A lab's estate and its changes."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.state = lab.directory.parent
        self.key = lab.approver
        self.env = os.environ | {"OPSBOOK_STATE": str(self.state), "LC_ALL": "C.UTF-8"}
        self.env |= {"OPSBOOK_LANG": "en"}

    @property
    def hosts(self) -> list[str]:
        """The hosts that can be patched."""
        return sorted(host.name for host in self.lab.hosts() if host.name != "old1")

    def opsbook(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of opsbook, to its end."""
        return subprocess.run(
            [OPSBOOK, *words], env=self.env, capture_output=True, text=True, check=False
        )

    def told(self, *words: str) -> Any:
        """What a command that must succeed says in JSON."""
        done = self.opsbook(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def adopt_policy(self) -> None:
        """Who may approve in the lab is itself approved, once."""
        if self.opsbook("policy", "show", "-e", "lab").returncode:
            change = self.told("policy", "propose", "-e", "lab", "--reason", "who approves")
            self.approve(change["change"])
            done = self.opsbook("apply", change["change"])
            assert done.returncode == 0, done.stderr

    def plan(self, packages: str = "", *words: str) -> dict[str, Any]:
        """A plan for these packages: the change's number and its plan."""
        chosen = ("--set", f"include={packages}") if packages else ()
        reason = ("--reason", "monthly security updates")
        return self.told("plan", "patching", "-e", "lab", *reason, *chosen, *words)  # type: ignore[no-any-return]

    def approve(self, change: str) -> None:
        """Signed with the key of the lab's approver."""
        done = self.opsbook("approve", change, "--key", str(self.key), "--yes")
        assert done.returncode == 0, done.stderr

    def approved(self, packages: str, *words: str) -> str:
        """The number of a change that is planned and approved."""
        change: str = self.plan(packages, *words)["change"]
        self.approve(change)
        return change

    def dossier(self, change: str) -> dict[str, Any]:
        """The record of the whole change."""
        return self.told("records", "show", change)  # type: ignore[no-any-return]

    def on(self, host: str, command: str) -> str:
        """What a command says on a host, as root."""
        done = self.lab.ssh(host, f"sudo sh -c {shlex.quote(command)}", timeout=120)
        assert done.returncode == 0, f"{host}: {command}: {done.stderr}"
        return done.stdout

    def look(self, host: str) -> str:
        """Packages, marks and files, to be compared with another look."""
        return self.on(host, _LOOK)

    def touched(self, host: str) -> str:
        """Changes with everything that dpkg or apt does there, and when the host boots."""
        return self.on(host, _TOUCHED)

    def everywhere(self, look: Callable[[str], Seen], hosts: Iterable[str] = ()) -> dict[str, Seen]:
        """One look at each host (without names: at each that can be patched)."""
        names = list(hosts) or self.hosts
        with ThreadPoolExecutor(6) as pool:
            return dict(zip(names, pool.map(look, names), strict=True))
