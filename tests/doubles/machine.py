"""A machine in memory for the lab: its links, routes and processes; hosts that boot at once."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from ipaddress import IPv4Interface
from pathlib import Path

from opsbook.lab.machine import Done, Process

APT = "Packages|Debian|bookworm|bookworm|main|file:/mirror\n"


class FakeMachine:
    """Port :class:`opsbook.lab.machine.Machine`.

    ``absent`` programs are not installed, commands holding a word of ``unable`` fail, hosts in
    ``broken`` die while booting. ``links`` maps an interface to its bridge, ``routes`` a network
    to the interface or "unreachable". ``ran`` keeps every command.
    """

    def __init__(self) -> None:
        self.links: dict[str, str] = {"lo": ""}
        self.routes: dict[str, str] = {"192.0.2.0/24": "eth0"}
        self.alive: list[Process] = []
        self.absent: set[str] = set()
        self.unable: set[str] = set()
        self.broken: set[str] = set()
        self.apt = APT
        self.inotify = 2048
        self.ran: list[list[str]] = []
        self._next_pid = 100

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Done:
        """Obey the few commands that a lab gives."""
        words = list(argv)
        self.ran.append(words)
        if any(word in line for word in self.unable for line in words):
            return Done(1, err="not permitted")
        if words[:2] == ["sh", "-c"]:
            if words[2].endswith(">/proc/sys/fs/inotify/max_user_instances"):
                self.inotify = int(words[2].split()[1])
            return Done(1 if words[-1] in self.absent else 0)
        obey = getattr(self, "_" + words[0].replace("-", "_"), None)
        if obey is None or words[0] in self.absent:
            return Done(127, err=f"no such program: {words[0]}")
        result = obey(words[1:])
        return result if isinstance(result, Done) else Done(0)

    def detach(self, argv: Sequence[str], log: Path) -> None:
        """The process is there at once; its host is up after the next pause."""
        log.write_text("")
        self._next_pid += 1
        self.alive.append(Process(self._next_pid, self._next_pid * 10, tuple(argv)))

    def processes(self) -> list[Process]:
        """What was started and not killed."""
        return list(self.alive)

    def kill(self, process: Process, number: signal.Signals) -> None:
        """Any signal ends a process here."""
        self.alive = [one for one in self.alive if one != process]

    def pause(self, seconds: float) -> None:
        """Time passes: hosts that are booting come up, or die."""
        for process in list(self.alive):
            name = _option(process, "--hostname=") or _word_after(process, "-name")
            if name in self.broken:
                self.kill(process, signal.SIGKILL)
            elif name:
                place = next(
                    Path(process.argv[number + 1])
                    for number, word in enumerate(process.argv)
                    if word.endswith("/supervise.sh")
                )
                booted = place / "upper" / "var" / "lib" / "lab" / "booted"
                booted.parent.mkdir(parents=True, exist_ok=True)
                booted.write_text(f"boot-of-{process.pid}\n")

    def _ip(self, words: list[str]) -> Done | None:
        plain = [word for word in words if not word.startswith("-")]
        what, verb, rest = plain[0], ([*plain, "show"])[1], plain[2:]
        if verb == "show":
            return Done(0, json.dumps(self._shown(what, rest)))
        change = getattr(self, f"_{what}_{verb}")
        return Done(0) if change(rest) else Done(2, err="Cannot find device")

    def _shown(self, what: str, rest: list[str]) -> list[dict[str, str]]:
        if what == "link":
            bridge = rest[1] if rest[:1] == ["master"] else None
            return [{"ifname": n} for n, m in self.links.items() if bridge is None or m == bridge]
        only = rest[1] if rest[:1] == ["type"] else None
        return [{"dst": n} for n, via in self.routes.items() if only is None or via == only]

    def _link_add(self, rest: list[str]) -> bool:
        new = rest[0] not in self.links
        self.links.setdefault(rest[0], "")
        return new

    def _link_set(self, rest: list[str]) -> bool:
        return rest[0] in self.links

    def _link_delete(self, rest: list[str]) -> bool:
        self.routes = {net: via for net, via in self.routes.items() if via != rest[0]}
        return self.links.pop(rest[0], None) is not None

    def _address_add(self, rest: list[str]) -> bool:
        self.routes[str(IPv4Interface(rest[0]).network)] = rest[2]
        return rest[2] in self.links

    def _route_add(self, rest: list[str]) -> bool:
        new = rest[1] not in self.routes
        self.routes[rest[1]] = rest[0]
        return new

    def _route_delete(self, rest: list[str]) -> bool:
        return self.routes.pop(rest[1], None) is not None

    def _cat(self, words: list[str]) -> Done:
        return Done(0, f"{self.inotify}\n")

    def _apt_get(self, words: list[str]) -> Done:
        return Done(0, self.apt if words[0] == "indextargets" else "")

    def _setpriv(self, words: list[str]) -> None:
        """A build step: debootstrap makes its tree."""
        if "debootstrap" in words:
            Path(words[-2]).mkdir()

    def _ssh_keygen(self, words: list[str]) -> None:
        key = Path(words[-1])
        key.write_text("a private key\n")
        key.with_name(key.name + ".pub").write_text(f"ssh-ed25519 KEY{self._next_pid} comment\n")

    def _ssh(self, words: list[str]) -> None:
        """Every host answers."""

    def _unshare(self, words: list[str]) -> None:
        """Everything is allowed."""

    def _find(self, words: list[str]) -> None:
        """There are no control groups."""

    def _rmdir(self, words: list[str]) -> None:
        """There are no control groups."""


def _option(process: Process, start: str) -> str:
    found = [word for word in process.argv if word.startswith(start)]
    return found[0].removeprefix(start) if found else ""


def _word_after(process: Process, option: str) -> str:
    words = process.argv
    return words[words.index(option) + 1] if option in words else ""
