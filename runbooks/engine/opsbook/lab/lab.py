"""The lab as one thing: up, looked at, reached, down.

$OPSBOOK_STATE/lab/
|-- lab.json      the marker of a lab, and its networks
|-- keys/         the key with which its hosts are reached
|-- images/       file systems that hosts start from, and updates for them; kept by `down`
|-- updates       there while updates are served (mirror.log says what went wrong)
|-- hosts/        one directory per host
|-- estate/       the live estate: `opsbook run ... -e <this directory>`
`-- ssh_config    reaches every host by its name
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from subprocess import CompletedProcess

from opsbook.lab import estate, needs, network, plan
from opsbook.lab.hosts import Hosts, HostState, Say, make_key, make_room
from opsbook.lab.images import Images, find_mirror
from opsbook.lab.images import Mirror as Release
from opsbook.lab.machine import LinuxMachine, Machine
from opsbook.lab.mirror import Mirror, Offer, Offers, introduce
from opsbook.lab.plan import HostSpec, Layer, Network
from opsbook.model.errors import Busy, HostFailed, InputFault, Refused, UsageFault
from opsbook.model.message import Message, msg
from opsbook.model.places import Places, private

BOOT_SECONDS = 120.0
VM_BOOT_SECONDS = 900.0
"""Emulated: about 70 s of a core, which on a busy machine were 7 minutes."""
_POLL_SECONDS = 0.2
_DEAD_POLLS = 5
_LOCK_POLLS = 5
_AT_ONCE = 8


def _silent(_: Message) -> None:
    return None


class Lab:
    """The lab of one state directory. ``images`` may be shared by several labs."""

    def __init__(
        self,
        places: Places,
        *,
        images: Path | None = None,
        machine: Machine | None = None,
        say: Say = _silent,
        updates: Offers | None = None,
    ) -> None:
        self.directory = places.lab
        self._places = places
        self._machine = machine or LinuxMachine()
        self._say = say
        self._images = Images(images or places.lab / "images", self._machine, say)
        self._updates = updates
        self._mirror = Mirror(places.lab, self._machine)
        self._hosts = Hosts(places.lab / "hosts", self._machine, places.lab / "keys")

    @property
    def estate(self) -> Path:
        """Directory of the live estate."""
        return self.directory / "estate"

    @property
    def ssh_config(self) -> Path:
        """An OpenSSH configuration that reaches every host by its name."""
        return self.directory / "ssh_config"

    @property
    def key(self) -> Path:
        """The private key with which hosts are reached."""
        return self.directory / "keys" / "id_ed25519"

    @property
    def approver(self) -> Path:
        """The private key of the lab's approver, who plays another person. It stays as long as
        the ledger, whose policy names it.
        """
        return self._places.keys / "lab_approver"

    def requirements(self) -> list[Message]:
        """What this machine lacks for a lab."""
        return needs.requirements(self.directory, self._machine)

    def up(
        self, hosts: int | None = None, *, also: Sequence[str] = (), updates: bool = False
    ) -> list[HostState]:
        """Boot (at least) ``hosts`` hosts and wait for them; repairs whatever a crash left.

        Without a number: those there already, or the default ones; ``also``: hosts that are there
        only when named. ``updates``: serve pending updates to them, from now on. Raises
        UsageFault, Refused, Busy, HostFailed.
        """
        if hosts is not None and not 1 <= hosts <= plan.MOST_HOSTS:
            raise UsageFault(msg("A lab has 1 to {most} hosts.", most=plan.MOST_HOSTS))
        with self._alone():
            self._claim()
            specs = self._wanted(hosts, also)
            virtual = any(spec.virtual for spec in specs)
            if virtual:
                _refuse_without(needs.of_vms(self._machine))
            net = self._network()
            self._boot(specs, net)
            self._describe(specs, net)
            self._wait(VM_BOOT_SECONDS if virtual else BOOT_SECONDS)
            if updates or self._offered.exists():
                self._offer(specs, net)
            return self._hosts.states()

    def hosts(self) -> list[HostState]:
        """All hosts as they are now."""
        return self._hosts.states()

    def ssh_argv(self, host: str, words: Sequence[str] = ()) -> list[str]:
        """The ssh command for a host. Raises UsageFault for a name that the lab has not."""
        if host not in self._hosts.names():
            raise UsageFault(
                msg("The lab has no host {host}.", host=host),
                next_step=msg("`opsbook lab status` lists its hosts."),
            )
        return ["ssh", "-F", str(self.ssh_config), host, *(["--", *words] if words else [])]

    def ssh(self, host: str, command: str, *, timeout: float = 60.0) -> CompletedProcess[str]:
        """Run a shell command on a host, as its user ``ops`` (who may sudo)."""
        argv = self.ssh_argv(host, [command])
        done = self._machine.run(argv, timeout=timeout)
        return CompletedProcess(argv, done.status, done.out, done.err)

    def traffic(self, lines: int) -> dict[str, str]:
        """Write ``lines`` more numbered lines on every running application host.

        Returns the problem per host for which it failed.
        """
        wanted = [
            one.name
            for one in self._hosts.states()
            if one.state == "running" and "app" in plan.spec_of(one.name).parts
        ]
        command = f"sudo app-burst {int(lines)}"
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            ended = list(pool.map(lambda host: self.ssh(host, command, timeout=600), wanted))
        return {
            host: done.stderr.strip()
            for host, done in zip(wanted, ended, strict=True)
            if done.returncode
        }

    def down(self, *, purge: bool = False) -> None:
        """Stop and remove all hosts, whatever state a crash left. Images and keys stay without
        ``purge``. Raises Busy.
        """
        with self._alone():
            self._check_ours()
            prefix = plan.prefix_of(self.directory)
            self._mirror.stop()
            for left in (self._offered, self.directory / "mirror.log"):
                left.unlink(missing_ok=True)
            self._hosts.unplug()
            self._hosts.leave_cgroups(prefix)
            with network.alone():
                network.down(self._machine, prefix)
            self._hosts.remove()
            self.ssh_config.unlink(missing_ok=True)
            if self.estate.is_dir():
                shutil.rmtree(self.estate)
            if purge and self.directory.is_dir():
                shutil.rmtree(self.directory)

    def _claim(self) -> None:
        self._check_ours()
        _refuse_without(self.requirements())
        private(self.directory)
        if not self._marker.exists():
            self._record(None)
        private(self.directory / "hosts")
        self._provide_key(self.key, "opsbook lab")
        self._provide_key(self.approver, estate.APPROVER)

    def _provide_key(self, key: Path, comment: str) -> None:
        if not key.with_suffix(".pub").exists():
            private(key.parent)
            key.unlink(missing_ok=True)
            make_key(self._machine, key, comment)

    def _check_ours(self) -> None:
        if self.directory.exists() and any(self.directory.iterdir()) and not self._marker.exists():
            raise Refused(
                msg("{directory} is not a lab: it has no lab.json.", directory=self.directory),
                untouched=msg("Nothing in it was touched."),
                next_step=msg("Move it away, or set OPSBOOK_STATE to another directory."),
            )

    def _wanted(self, count: int | None, also: Sequence[str]) -> list[HostSpec]:
        there = self._hosts.names()
        if count is None:
            count = 0 if there else len(plan.DEFAULT_HOSTS)
        more = [spec.name for spec in plan.MORE_HOSTS]
        for name in also:
            if name not in more:
                raise UsageFault(
                    msg("{host} cannot be asked for by name; these can: {known}.",
                        host=name, known=", ".join(more)),
                    untouched=msg("Nothing was started."),
                )  # fmt: skip
        names = {spec.name for spec in plan.host_specs(count)} | set(there) | set(also)
        return [spec for spec in plan.every_host() if spec.name in names]

    def _network(self) -> Network:
        recorded = self._recorded()
        if recorded and network.is_up(self._machine, recorded):
            return recorded
        self._hosts.unplug()
        with network.alone():
            network.down(self._machine, plan.prefix_of(self.directory))
            taken = network.taken(self._machine)
            chosen = recorded
            if recorded is None or any(
                one.overlaps(recorded.front) or one.overlaps(recorded.inner) for one in taken
            ):
                chosen = plan.choose_network(self.directory, taken)
            if chosen is None:
                raise Refused(msg("Every network of {range} is in use.", range=plan.LAB_RANGE))
            self._record(chosen)
            network.up(self._machine, chosen)
        return chosen

    def _boot(self, specs: Sequence[HostSpec], net: Network) -> None:
        mirror = self._release()
        self._images.provide([spec.layer for spec in specs], mirror)
        for spec in specs:
            self._hosts.make(spec, net)
        states = {one.name: one.state for one in self._hosts.states()}
        stopped = [spec for spec in specs if states[spec.name] == "stopped"]
        self._hosts.unplug([spec.name for spec in stopped])
        if stopped:
            make_room(self._machine, self._say)
            self._say(msg("Hosts to boot: {count}.", count=len(stopped)))
        scoped = Path("/run/systemd/system").is_dir()
        for spec in stopped:
            lowers = self._images.lowers(spec.layer, mirror.suite)
            self._hosts.start(spec, net, lowers, scoped=scoped)

    def _release(self) -> Release:
        mirror = find_mirror(self._machine, needs.OS_RELEASE.read_text())
        if mirror is None:
            raise HostFailed(msg("apt on this machine knows no Debian release of its own."))
        return mirror

    def _offer(self, specs: Sequence[HostSpec], net: Network) -> None:
        """Serve updates on the lab's own address; hosts behind another one get them through it."""
        suite = self._release().suite
        layers: list[Layer] = ["base", "db"]  # nopython has less, and rpm1 is no host of apt's
        self._images.provide(layers, self._release())
        images = [self._images.lowers(layer, suite)[0] for layer in layers]
        offer = self._updates_port().provide(images, suite)
        self._mirror.start(offer.tree, str(net.control))
        self._offered.touch()
        gateways = [spec for spec in specs if spec.gateway]
        others = [spec for spec in specs if not spec.gateway]
        for group in (gateways, others):
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                scripts = [self._introduction(spec, net, offer) for spec in group]
                asked = [(one.name, text) for one, text in zip(group, scripts, strict=True)]
                done = list(pool.map(lambda pair: self.ssh(*pair, timeout=600), asked))
            for spec, one in zip(group, done, strict=True):
                if one.returncode:
                    raise HostFailed(
                        msg("The lab host {host} cannot read its updates: {reason}",
                            host=spec.name, reason=one.stderr.strip()[-300:])
                    )  # fmt: skip

    def _introduction(self, spec: HostSpec, net: Network, offer: Offer) -> str:
        jump = plan.spec_of(spec.jump) if spec.jump else None
        server = net.inner_address(jump) if jump else net.control
        return introduce(offer, str(server), relay=spec.gateway)

    def _updates_port(self) -> Offers:
        if self._updates is None:
            from opsbook.lab.updates import Updates

            self._updates = Updates(self._images.directory, self._say)
        return self._updates

    def _describe(self, specs: Sequence[HostSpec], net: Network) -> None:
        keys = {spec.name: self._hosts.public_key(spec.name) for spec in specs}
        known = estate.known_hosts(specs, net, keys)
        signers = estate.signers(self.approver.with_suffix(".pub").read_text())
        estate.write(self.estate, estate.inventory(specs, net, self.key), known, signers)
        self.ssh_config.write_text(
            estate.ssh_config(specs, net, self.key, self.estate / "known_hosts")
        )

    def _wait(self, seconds: float) -> None:
        """Until all hosts run, ``seconds`` at most. A host counts as dead when it is so for a
        while: a process that is just becoming another program shows no command for a moment.
        """
        dead: Counter[str] = Counter()
        states: list[HostState] = []
        for _ in range(int(seconds / _POLL_SECONDS)):
            states = self._hosts.states()
            if all(one.state == "running" for one in states):
                return
            dead.update(one.name for one in states if one.state == "stopped")
            for name, times in dead.items():
                if times > _DEAD_POLLS:
                    raise self._failed(name)
            self._machine.pause(_POLL_SECONDS)
        raise self._failed(next(one.name for one in states if one.state != "running"))

    def _failed(self, name: str) -> HostFailed:
        console = self._hosts.console(name)
        said = console.read_text(errors="replace").split("\n") if console.exists() else []
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        return HostFailed(
            msg("The lab host {host} did not boot; it said last: {line}", host=name, line=last),
            next_step=msg("All it said is in {file}.", file=console),
        )

    @property
    def _offered(self) -> Path:
        """There while hosts are served updates."""
        return self.directory / "updates"

    @property
    def _marker(self) -> Path:
        return self.directory / "lab.json"

    def _recorded(self) -> Network | None:
        try:
            data = json.loads(self._marker.read_text())
            if not data.get("front"):
                return None
            front, inner = IPv4Network(data["front"]), IPv4Network(data["inner"])
        except (ValueError, KeyError, AttributeError) as error:
            raise InputFault(
                msg("{file} cannot be read: {reason}", file=self._marker, reason=error),
                next_step=msg("`opsbook lab down --purge` removes the whole lab."),
            ) from error
        return Network(plan.prefix_of(self.directory), front, inner)

    def _record(self, net: Network | None) -> None:
        data: dict[str, object] = {"opsbook_lab": 1}
        if net:
            data |= {"front": str(net.front), "inner": str(net.inner)}
        part = self._marker.with_suffix(".part")
        part.write_text(json.dumps(data) + "\n")
        part.rename(self._marker)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One `up` or `down` at a time. Beside the lab, so that purging does not remove it."""
        private(self._places.root)
        handle = os.open(self._places.root / "lab.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(handle)
            yield
        finally:
            os.close(handle)

    def _lock(self, handle: int) -> None:
        for _ in range(_LOCK_POLLS):
            try:
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # A child of a killed one keeps the lock until it becomes another program.
                self._machine.pause(_POLL_SECONDS)
        raise Busy(
            msg("Another `opsbook lab` is at work on this lab."),
            untouched=msg("Nothing was changed."),
        )


def _refuse_without(missing: Sequence[Message]) -> None:
    if missing:
        raise Refused(
            missing[0] if len(missing) == 1 else _all_of(missing),
            untouched=msg("Nothing was started."),
        )


def _all_of(missing: Sequence[Message]) -> Message:
    reasons = missing[-1]
    for reason in reversed(missing[:-1]):
        reasons = msg("{reason} {more}", reason=reason, more=reasons)
    return msg("A lab cannot run here: {reasons}", reasons=reasons)
