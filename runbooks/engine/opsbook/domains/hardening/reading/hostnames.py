"""What scanners call a host, sorted into names and addresses that can identify one."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from opsbook.domains.hardening.reading.text import line

_LONGEST = 255
_MOST = 64


def names_and_addresses(told: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and addresses among ``told``, each once, in order.

    Loopback, link-local and unspecified addresses are left out: every host has the first, and the
    second mean nothing outside of one link (RFC 4291, 2.5.3, 2.5.6; RFC 3927). An IPv4 address
    with a port behind it counts without it.
    """
    names: dict[str, None] = {}
    addresses: dict[str, None] = {}
    for one in told:
        text = line(one, _LONGEST)
        address = _address(text)
        if address is None:
            if text:
                names[text] = None
        elif not (address.is_loopback or address.is_link_local or address.is_unspecified):
            addresses[str(address)] = None
    return tuple(names)[:_MOST], tuple(addresses)[:_MOST]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    bare = text.partition("%")[0]
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return ip_address(bare)
    except ValueError:
        return None
