"""One lab host on disk and in the process table: made, started, looked at, stopped.

hosts/<name>/
|-- upper/ work/ root/    its disk above the image, and where its supervisor mounts it
|-- console.log           what its supervisor and its boot said
`-- address               where it answers ssh
"""

from __future__ import annotations

import hashlib
import shutil
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from opsbook.lab import plan
from opsbook.lab.machine import Machine, Process
from opsbook.lab.plan import HostSpec, Network
from opsbook.model.errors import HostFailed
from opsbook.model.message import Message, msg
from opsbook.model.places import private

Say = Callable[[Message], None]
"""Hears what takes a while or changes the machine."""

_INOTIFY_INSTANCES = 2048

State = Literal["booting", "running", "stopped"]


@dataclass(frozen=True, slots=True)
class HostState:
    """A host as it is now. ``since`` and ``boot_id`` are of the present boot, when running."""

    name: str
    address: str
    state: State
    since: datetime | None = None
    boot_id: str = ""
    jump: str = ""


class Hosts:
    """The hosts of one lab, below ``directory``."""

    def __init__(self, directory: Path, machine: Machine, keys: Path) -> None:
        self.directory = directory
        self._machine = machine
        self._keys = keys

    def names(self) -> list[str]:
        """Hosts that have a disk, in the lab's order."""
        return [one.name for one in plan.every_host() if self._of(one.name).is_dir()]

    def make(self, spec: HostSpec, network: Network) -> None:
        """Give the host a disk; a half-made one is made anew."""
        if self._of(spec.name).is_dir():
            return
        part = self.directory / f".{spec.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        for name in ("upper", "work", "root"):
            private(part / name)
        _furnish(spec, part / "upper", network.machine(spec.name))
        self._give_keys(spec, part / "upper")
        (part / "upper").chmod(0o755)
        part.rename(self._of(spec.name))

    def start(
        self, spec: HostSpec, network: Network, lowers: Sequence[Path], *, scoped: bool
    ) -> None:
        """Boot a stopped host; returns at once."""
        place = self._of(spec.name)
        folder = place / "upper" / "etc" / "systemd" / "network"
        for name, text in plan.interfaces(spec, network).items():
            _write(folder / name, text)
        (place / "upper" / "var" / "lib" / "lab" / "booted").unlink(missing_ok=True)
        (place / "address").write_text(str(network.address(spec)))
        command = plan.boot_command(spec, place, network, lowers, scoped=scoped)
        self._machine.detach(command, place / "console.log")

    def states(self) -> list[HostState]:
        """All hosts as they are now."""
        alive = self._supervisors()
        return [self._state(name, alive) for name in self.names()]

    def unplug(self, names: Iterable[str] | None = None) -> None:
        """Stop hosts (all, without names) at once, as a power cut would. Returns when their
        processes are gone; works also for hosts whose directory is gone.
        """
        wanted = None if names is None else {str(self._of(name)) for name in names}
        below = str(self.directory) + "/"
        for _ in range(300):
            ours = [
                one
                for one in self._machine.processes()
                if (home := _home(one)).startswith(below) and (wanted is None or home in wanted)
            ]
            # The first process of a host's own process namespace ends after all its others, and
            # the one above it (unshare) after that: it is waited for, and killed if alone.
            for process in [one for one in ours if one.argv[0] == "sh"] or ours:
                self._machine.kill(process, signal.SIGKILL)
            if not ours:
                break
            self._machine.pause(0.1)

    def remove(self) -> None:
        """Delete the disks of all (stopped) hosts."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def leave_cgroups(self, prefix: str) -> None:
        """Remove the control groups of (stopped) hosts; other labs' stay."""
        for tree in ("systemd", "unified", "."):
            ours = f"/sys/fs/cgroup/{tree}/opsbook-lab"
            names = ["-path", f"*/opsbook-lab/{prefix}-*"]
            remove = ["find", ours, "-depth", "-type", "d", *names, "-delete"]
            for _ in range(50):  # a process that is just ending keeps its group busy
                done = self._machine.run(remove)
                if not done.status or "No such file" in done.err:
                    break
                self._machine.pause(0.1)
            self._machine.run(["rmdir", "--ignore-fail-on-non-empty", ours])

    def public_key(self, name: str) -> str:
        """The host's public ssh key, as in known_hosts: type and key."""
        key = self._of(name) / "upper" / "etc" / "ssh" / "ssh_host_ed25519_key.pub"
        return " ".join(key.read_text().split()[:2])

    def console(self, name: str) -> Path:
        """Where the host's boot messages are."""
        return self._of(name) / "console.log"

    def _of(self, name: str) -> Path:
        return self.directory / name

    def _supervisors(self) -> set[str]:
        return {home for one in self._machine.processes() if (home := _home(one))}

    def _state(self, name: str, alive: set[str]) -> HostState:
        place = self._of(name)
        address = (place / "address").read_text() if (place / "address").exists() else ""
        jump = plan.spec_of(name).jump
        if str(place) not in alive:
            return HostState(name, address, "stopped", jump=jump)
        booted = place / "upper" / "var" / "lib" / "lab" / "booted"
        try:
            since = datetime.fromtimestamp(booted.stat().st_mtime, UTC)
            return HostState(name, address, "running", since, booted.read_text().strip(), jump)
        except FileNotFoundError:
            return HostState(name, address, "booting", jump=jump)

    def _give_keys(self, spec: HostSpec, upper: Path) -> None:
        """Host key made here, so that known_hosts is written without trust on first use."""
        key = upper / "etc" / "ssh" / "ssh_host_ed25519_key"
        key.parent.mkdir(parents=True, exist_ok=True)
        make_key(self._machine, key, spec.name)
        users = upper / "etc" / "ssh" / "authorized_keys.d"
        _write(users / plan.USER, (self._keys / "id_ed25519.pub").read_text())


def make_room(machine: Machine, say: Say) -> None:
    """Raise the one kernel limit that all containers of a machine share and soon exhaust: a
    booted host keeps about 8 inotify instances, and the usual limit is 128 per user.
    """
    limit = "/proc/sys/fs/inotify/max_user_instances"
    now = machine.run(["cat", limit]).out.strip()
    if now.isdigit() and int(now) < _INOTIFY_INSTANCES:
        say(
            msg(
                "Raising fs.inotify.max_user_instances from {old} to {new} until this machine "
                "restarts.",
                old=now,
                new=_INOTIFY_INSTANCES,
            )
        )
        machine.run(["sh", "-c", f"echo {_INOTIFY_INSTANCES} >{limit}"])


def make_key(machine: Machine, path: Path, comment: str) -> None:
    """A new Ed25519 key pair at ``path`` and ``path.pub``. Raises HostFailed."""
    done = machine.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    )
    if done.status:
        raise HostFailed(msg("ssh-keygen cannot make a key: {output}", output=done.err.strip()))


def _home(process: Process) -> str:
    """The host directory that a supervisor (or the ``unshare`` above it) serves, or ""."""
    for place, word in enumerate(process.argv[:-1]):
        if word.endswith("/opsbook/lab/supervise.sh"):
            return process.argv[place + 1]
    return ""


def _furnish(spec: HostSpec, upper: Path, machine: str) -> None:
    """The host's own files above the image."""
    for part in ("common", *spec.parts):
        _copy(resources.files("opsbook.lab").joinpath("hostfiles", part), upper)
    etc = upper / "etc"
    _write(etc / "hostname", spec.name + "\n")
    _write(etc / "hosts", f"127.0.0.1 localhost\n127.0.1.1 {spec.name}\n")
    # Not empty: on a first boot systemd would enable every unit it knows.
    _write(etc / "machine-id", hashlib.sha256(machine.encode()).hexdigest()[:32] + "\n")
    if "app" in spec.parts:
        _write(etc / "default" / "app", f"APP_INTERVAL={spec.interval}\n")
    for unit in (*spec.units, "lab-ready.service"):
        _enable(upper, unit)


def _enable(upper: Path, unit: str) -> None:
    own = upper / "etc" / "systemd" / "system" / unit
    wants = own.parent / "multi-user.target.wants" / unit
    wants.parent.mkdir(parents=True, exist_ok=True)
    place = "/etc" if own.exists() else "/lib"
    wants.symlink_to(f"{place}/systemd/system/{unit}")


def _copy(source: Traversable, target: Path) -> None:
    for one in source.iterdir():
        if one.is_dir():
            _copy(one, target / one.name)
        else:
            _write(target / one.name, one.read_text(), program=target.name == "bin")


def _write(path: Path, text: str, *, program: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755 if program else 0o644)
