"""What a lab consists of, decided without touching anything: hosts, names, addresses, commands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Literal

Layer = Literal["base", "nopython", "db", "rpm", "vm"]

LAB_RANGE = IPv4Network("198.18.0.0/15")
"""Addresses for benchmarks, never routed on the Internet (RFC 2544, RFC 6890)."""

MOST_HOSTS = 200
"""What one /24 of addresses serves."""

VM_MEMORY = 2048
"""MiB of memory of a virtual machine; it takes from this machine what it uses."""

USER = "ops"
"""Who logs in to lab hosts; becomes root with sudo."""


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One lab host as designed. ``parts`` are folders of ``hostfiles/`` put onto its disk."""

    name: str
    layer: Layer = "base"
    parts: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    jump: str = ""
    gateway: bool = False
    interval: str = "0.5"

    @property
    def virtual(self) -> bool:
        """Whether it is a virtual machine, with a kernel of its own, and no container."""
        return self.layer == "vm"


_APP = ("app.service",)
_WEB = ("app.service", "nginx.service", "visitor.service")

DEFAULT_HOSTS = (
    HostSpec("web1", parts=("app", "create", "web"), units=_WEB, groups=("app", "web")),
    HostSpec("web2", parts=("app", "copytruncate", "web"), units=_WEB, groups=("app", "web")),
    HostSpec("db1", layer="db", parts=("db",), units=("queries.service",), groups=("db",)),
    HostSpec("old1", layer="nopython", parts=("app", "create"), units=_APP,
             groups=("app", "nopython")),
    HostSpec("jump1", groups=("jump",), gateway=True),
    HostSpec("inner1", parts=("app", "create"), units=_APP, groups=("app", "inner"),
             jump="jump1"),
)  # fmt: skip
"""The hosts of ``lab up`` without ``--hosts``."""


def host_specs(count: int) -> tuple[HostSpec, ...]:
    """The first ``count`` hosts: the default ones, then plain ``node07``, ``node08``, ..."""
    more = (
        HostSpec(f"node{n:02d}", parts=("app", "create"), units=_APP, groups=("app",),
                 interval="2")
        for n in range(len(DEFAULT_HOSTS) + 1, count + 1)
    )  # fmt: skip
    return (*DEFAULT_HOSTS[:count], *more)


MORE_HOSTS = (
    HostSpec("rpm1", layer="rpm", groups=("rpm",)),
    HostSpec("vm1", layer="vm", parts=("vm",), groups=("vm",)),
)
"""Hosts that are there only when asked for by name."""


def every_host() -> tuple[HostSpec, ...]:
    """All hosts that a lab can have, in its order."""
    return tuple(_ALL.values())


def spec_of(name: str) -> HostSpec:
    """The design of a host by its name. Raises KeyError."""
    return _ALL[name]


_ALL = {spec.name: spec for spec in (*host_specs(MOST_HOSTS), *MORE_HOSTS)}
_NUMBERS = {name: 10 + place for place, name in enumerate(_ALL)}
"""The last number of each host's addresses; never changes."""


@dataclass(frozen=True, slots=True)
class Cable:
    """A network interface of a host: its outer end on a bridge, its name and address inside."""

    outer: str
    bridge: str
    inside: str
    address: IPv4Address

    @property
    def mac(self) -> str:
        """The address of a virtual machine's card: one of those that anybody may use."""
        digest = hashlib.sha256(self.outer.encode()).hexdigest()
        return ":".join(["52", "54", "00", digest[:2], digest[2:4], digest[4:6]])


@dataclass(frozen=True, slots=True)
class Network:
    """Names of one lab's bridges, derived from where its state is, and its two networks.

    The control host has an address on the front bridge only.
    """

    prefix: str
    front: IPv4Network
    inner: IPv4Network

    @property
    def bridge(self) -> str:
        """The bridge that the control host is on."""
        return self.prefix + "f"

    @property
    def inner_bridge(self) -> str:
        """The bridge behind the jump host."""
        return self.prefix + "i"

    @property
    def control(self) -> IPv4Address:
        """The control host's address."""
        return self.front[1]

    def address(self, spec: HostSpec) -> IPv4Address:
        """Where the host answers ssh: on the inner network when it is behind a jump host."""
        return (self.inner if spec.jump else self.front)[_NUMBERS[spec.name]]

    def inner_address(self, spec: HostSpec) -> IPv4Address:
        """A gateway's address on the inner network."""
        return self.inner[_NUMBERS[spec.name]]

    def cables(self, spec: HostSpec) -> list[Cable]:
        """The host's network interfaces."""
        number = _NUMBERS[spec.name]
        home = self.inner_bridge if spec.jump else self.bridge
        found = [Cable(f"{self.prefix}h{number}", home, "host0", self.address(spec))]
        if spec.gateway:
            outer = f"{self.prefix}g{number}"
            found.append(Cable(outer, self.inner_bridge, "inner0", self.inner_address(spec)))
        return found

    def machine(self, name: str) -> str:
        """The container's name, unique on this machine."""
        return f"{self.prefix}-{name}"


def prefix_of(directory: Path) -> str:
    """Start of the names of everything the lab in ``directory`` leaves on the machine."""
    return "ob" + hashlib.sha256(bytes(directory)).hexdigest()[:7]


def choose_network(directory: Path, taken: Iterable[IPv4Network]) -> Network | None:
    """Two free networks, always the same ones for a directory where nothing is in the way."""
    taken = list(taken)
    blocks = list(LAB_RANGE.subnets(new_prefix=23))
    first = int(hashlib.sha256(bytes(directory)).hexdigest()[:8], 16) % len(blocks)
    for block in blocks[first:] + blocks[:first]:
        if not any(block.overlaps(other) for other in taken):
            front, inner = block.subnets(new_prefix=24)
            return Network(prefix_of(directory), front, inner)
    return None


def boot_command(
    spec: HostSpec, directory: Path, network: Network, lowers: Sequence[Path], *, scoped: bool
) -> list[str]:
    """The detached command that keeps a host booted.

    ``scoped``: this machine runs systemd, which is then asked for the host's control group.
    """
    supervisor = Path(__file__).parent / "supervise.sh"
    machine = network.machine(spec.name)
    cables = network.cables(spec)
    scope = ["systemd-run", "--scope", "--quiet", "--collect", f"--unit={machine}",
             "--property=Delegate=yes", "--"]  # fmt: skip
    return [
        *(scope if scoped else ()),
        "unshare", "--mount-proc", "--pid", "--fork", "--kill-child", "--",
        "sh", str(supervisor), str(directory), ":".join(map(str, lowers)),
        "" if scoped else f"opsbook-lab/{machine}",
        " ".join(f"{one.bridge} {one.outer}" for one in cables),
        *(_virtual if spec.virtual else _contained)(spec, directory, network),
    ]  # fmt: skip


def _contained(spec: HostSpec, directory: Path, network: Network) -> list[str]:
    return [
        "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit",
        f"--directory={directory}/root",
        f"--machine={network.machine(spec.name)}", f"--hostname={spec.name}",
        *(f"--network-veth-extra={one.outer}:{one.inside}" for one in network.cables(spec)),
        "--settings=no", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        "--console=read-only",
    ]  # fmt: skip


def _virtual(spec: HostSpec, directory: Path, network: Network) -> list[str]:
    """Emulated wholly in software. The first serial port is the console, the second the one on
    which the guest tells its boot id. A processor with no more than Debian needs takes a quarter
    less time than one with all that can be emulated.
    """
    words = [
        "sh", str(Path(__file__).parent / "vm.sh"), str(directory),
        "qemu-system-x86_64", "-name", spec.name, "-nodefaults", "-no-user-config",
        "-machine", "pc,accel=tcg", "-cpu", "qemu64", "-smp", "1", "-m", str(VM_MEMORY),
        "-display", "none", "-vga", "none", "-monitor", "none",
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
        "-serial", f"file:{directory}/told",
        "-drive", f"file={directory}/disk,format=raw,if=virtio,cache=unsafe",
        "-device", "virtio-rng-pci",
    ]  # fmt: skip
    for place, one in enumerate(network.cables(spec)):
        tap = f"tap,id=n{place},ifname={one.outer},script=no,downscript=no"
        card = f"virtio-net-pci,netdev=n{place},mac={one.mac},romfile="
        words += ["-netdev", tap, "-device", card]
    return words


def interfaces(spec: HostSpec, network: Network) -> dict[str, str]:
    """The files of systemd-networkd for a host: static addresses, no way out."""
    cables = network.cables(spec)
    files = {f"10-{one.inside}.network": _static(one.inside, one.address) for one in cables}
    if spec.virtual:
        files |= {f"10-{one.inside}.link": _named(one) for one in cables}
    return files


def _named(cable: Cable) -> str:
    return f"[Match]\nMACAddress={cable.mac}\n\n[Link]\nName={cable.inside}\n"


def _static(interface: str, address: IPv4Address) -> str:
    return (
        f"[Match]\nName={interface}\n\n"
        f"[Network]\nAddress={address}/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    )
