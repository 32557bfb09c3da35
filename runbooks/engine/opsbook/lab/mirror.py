"""The lab's mirror: a server process on the lab's own address, and the hosts' way to it.

Like a host's supervisor it is recognised by its words in the process table, not by a recorded
process id; the lab's directory is one of them.
"""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol

from opsbook.lab.machine import Machine, Process

HOST_KEYRING = "/etc/apt/keyrings/opsbook-demo.asc"
NAME = "updates.lab"
"""What hosts call the machine that serves them; each has it in its /etc/hosts."""
PORT = 8180
_SERVER = "opsbook.domains.patching.bundle.serve"


@dataclass(frozen=True, slots=True)
class Offer:
    """What is there to be served: ``tree``, and what a host needs to read it."""

    tree: Path
    sources: str
    key: str


class Offers(Protocol):
    """Port: provides the pending updates of hosts made of some images."""

    def provide(self, images: Sequence[Path], suite: str) -> Offer:
        """Raises HostFailed, Refused."""
        ...


class Mirror:
    """The mirror of the lab in ``directory``."""

    def __init__(self, directory: Path, machine: Machine) -> None:
        self._directory = directory
        self._machine = machine

    def start(self, tree: Path, address: str) -> None:
        """Serve ``tree`` on ``address``; one that does so already is left alone."""
        words = [sys.executable, "-P", "-m", _SERVER, str(tree), address, str(PORT),
                 str(self._directory)]  # fmt: skip
        running = self._running()
        if [one.argv for one in running] == [tuple(words)]:
            return
        self.stop()
        self._machine.detach(words, self._directory / "mirror.log")

    def stop(self) -> None:
        """End it, whoever started it."""
        for _ in range(50):
            running = self._running()
            for one in running:
                self._machine.kill(one, signal.SIGKILL)
            if not running:
                return
            self._machine.pause(0.1)

    def _running(self) -> list[Process]:
        ends = str(self._directory)
        return [one for one in self._machine.processes()
                if _SERVER in one.argv and one.argv[-1] == ends]  # fmt: skip


def introduce(offer: Offer, server: str, *, relay: bool) -> str:
    """The script by which a host comes to know the mirror at ``server`` and reads its lists.

    ``relay``: it also passes on what hosts behind it ask for.
    """
    files = {"/etc/apt/sources.list.d/lab.sources": offer.sources, HOST_KEYRING: offer.key}
    if relay:
        units = resources.files("opsbook.lab").joinpath("relay")
        files |= {f"/etc/systemd/system/{one.name}": one.read_text() for one in units.iterdir()}
    write = [
        f"mkdir -p {Path(path).parent} && printf %s {shlex.quote(text)} >{path} && chmod 644 {path}"
        for path, text in files.items()
    ]
    hosts = f"{{ grep -v ' {NAME}$' /etc/hosts; echo '{server} {NAME}'; }} >/etc/hosts.new"
    commands = [
        "set -e",
        *write,
        f"{hosts} && cat /etc/hosts.new >/etc/hosts && rm /etc/hosts.new",
        *(["systemctl daemon-reload", "systemctl enable --quiet --now lab-updates.socket"]
          if relay else []),
        "apt-get update -qq --error-on=any -o Acquire::Retries=5",
    ]  # fmt: skip
    return "sudo sh -c " + shlex.quote("\n".join(commands))
