"""Which host of the inventory a scanner means by the names and addresses it saw.

Compared without regard to case: the inventory's names, addresses (``ansible_host``) and the host
variable ``opsbook_names`` (a list of what else the host is called). Only where none of them fits,
the first label of a domain name counts, when no other host has it. Names that lead to different
hosts lead to none: that is told, and an engineer says with ``opsbook_names`` what is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

from opsbook.model.estate import Host

NAMES = "opsbook_names"


@dataclass(frozen=True, slots=True)
class Match:
    """``host`` is the name of the one host that fits; ``several`` are the candidates if not one."""

    host: str | None
    several: tuple[str, ...] = ()


class Matcher:
    """Knows the hosts of one inventory."""

    def __init__(self, hosts: Iterable[Host]) -> None:
        self._whole: dict[str, set[str]] = {}
        self._first: dict[str, set[str]] = {}
        for host in hosts:
            for name in _called(host):
                self._whole.setdefault(name, set()).add(host.name)
                if not _address(name):
                    self._first.setdefault(name.partition(".")[0], set()).add(host.name)

    def match(self, names: Iterable[str], addresses: Iterable[str]) -> Match:
        """The host that goes by ``names`` and ``addresses``."""
        told = telling(names, addresses)
        whole = {host for name in told for host in self._whole.get(name, ())}
        if whole:
            return _one(whole)
        firsts = (name.partition(".")[0] for name in told if not _address(name))
        return _one({host for first in firsts for host in self._first.get(first, ())})


def telling(names: Iterable[str], addresses: Iterable[str]) -> list[str]:
    """Those names and addresses that can tell one host from another, in comparable form."""
    return list(dict.fromkeys(_told((*names, *addresses))))


def _one(hosts: set[str]) -> Match:
    if len(hosts) == 1:
        return Match(next(iter(hosts)))
    return Match(None, tuple(sorted(hosts)))


def _called(host: Host) -> Iterator[str]:
    also = host.vars.get(NAMES)
    named = also if isinstance(also, list) else [also] if isinstance(also, str) else []
    yield from _told((host.name, host.address, *(str(name) for name in named)))


def _told(words: Iterable[str]) -> Iterator[str]:
    """Comparable forms of ``words``; addresses that every host has of itself are left out."""
    for word in words:
        plain = word.strip().rstrip(".").casefold()
        address = _address(plain)
        if address:
            if address != "-":
                yield address
        elif plain and plain not in ("localhost", "localhost.localdomain"):
            yield plain


def _address(word: str) -> str:
    """The usual form of an address, "-" of one that says nothing, "" where ``word`` is none."""
    with suppress(ValueError):
        found = ip_address(word.partition("%")[0].strip("[]"))
        plain = getattr(found, "ipv4_mapped", None) or found
        nobody = plain.is_loopback or plain.is_link_local or plain.is_unspecified
        return "-" if nobody or plain.is_multicast else str(plain)
    return ""
