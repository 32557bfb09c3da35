"""How a host is reached: as whom, from where, and what else goes through it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from opsbook.domains.hardening.planning.snapshot import Login
from opsbook.model.estate import Host, Inventory


@dataclass(frozen=True, slots=True)
class Way:
    """How a host is reached: as whom, from where, and which hosts are reached through it.

    ``day`` is the host's own day since 1970; ``port`` the one that its sshd is reached at;
    ``passed_as`` are the accounts that hosts behind it are reached by.
    """

    login: Login
    day: int = 0
    port: int = 22
    passed_by: tuple[str, ...] = ()
    passed_as: tuple[str, ...] = ()

    @property
    def over_ssh(self) -> bool:
        """Whether anybody comes over SSH: we, or those who go through it."""
        return bool(self.login.source or self.passed_by)

    @property
    def accounts(self) -> tuple[str, ...]:
        """Everybody who must still be let in."""
        return tuple(dict.fromkeys([*filter(None, (self.login.user,)), *self.passed_as]))


def way_to(host: Host, inventory: Inventory, login: Login, day: int) -> Way:
    """The way to ``host``, as ``login`` came by it, and the hosts behind it."""
    behind: dict[str, str] = {}
    for other in (*inventory.hosts, *inventory.jumps):
        user, at, place = (other.jump or "").rpartition("@")
        name = place.partition(":")[0]
        if other.name != host.name and name and name in (host.name, host.address):
            behind[other.name] = user if at else host.user or login.user
    accounts = tuple(sorted(filter(None, set(behind.values()))))
    return Way(login, day, host.port, tuple(sorted(behind)), accounts)


def is_within(source: str, networks: Iterable[str]) -> bool:
    """Whether an address is in one of the networks; of what is no address, never."""
    try:
        address = ip_address(source.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    for network in networks:
        try:
            if (mapped or address) in ip_network(network, strict=False):
                return True
        except ValueError:
            continue
    return False
