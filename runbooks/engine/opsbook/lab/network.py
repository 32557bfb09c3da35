"""The lab's two bridges, and the route that keeps traffic for the inner one on this machine."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from typing import Any

from opsbook.lab.machine import Machine
from opsbook.lab.plan import LAB_RANGE, Network
from opsbook.model.errors import HostFailed
from opsbook.model.message import msg

_OURS = "199"
"""The routing protocol number that marks our routes (rtnetlink(7): above 4 is free to use)."""


def taken(machine: Machine) -> list[IPv4Network]:
    """Networks this machine has an address in or a route to, the default route aside."""
    routes = _json(machine, ["ip", "-json", "-4", "route", "show", "table", "all"])
    found = [str(route.get("dst", "default")) for route in routes]
    return [IPv4Network(one, strict=False) for one in found if one[:1].isdigit()]


def is_up(machine: Machine, network: Network) -> bool:
    """Whether both bridges and the routes are as :func:`up` makes them."""
    links = {str(link["ifname"]) for link in _json(machine, ["ip", "-json", "link"])}
    return {network.bridge, network.inner_bridge} <= links and {
        network.front, network.inner,
    } <= set(taken(machine))  # fmt: skip


def up(machine: Machine, network: Network) -> None:
    """Make bridges, address and route where none are. Raises HostFailed."""
    for bridge in (network.bridge, network.inner_bridge):
        _must(machine, ["ip", "link", "add", bridge, "type", "bridge"])
        # No IPv6 address of its own: the control host must not reach the inner network at all.
        _must(machine, ["ip", "link", "set", bridge, "addrgenmode", "none", "up"])
    _must(machine, ["ip", "address", "add", f"{network.control}/24", "dev", network.bridge])
    inner = str(network.inner)
    _must(machine, ["ip", "route", "add", "unreachable", inner, "protocol", _OURS])


def down(machine: Machine, prefix: str) -> None:
    """Remove everything of the lab called ``prefix``; what is not there is no fault."""
    for bridge in (prefix + "f", prefix + "i"):
        # Without their hosts the kernel removes cables too, but takes its time.
        for cable in _json(machine, ["ip", "-json", "link", "show", "master", bridge]):
            machine.run(["ip", "link", "delete", str(cable["ifname"])])
        machine.run(["ip", "link", "delete", bridge])
    present = set(taken(machine))
    for inner in _unreachable(machine):
        front = IPv4Network((int(inner[0]) - inner.num_addresses, inner.prefixlen))
        if front not in present:  # its bridge is gone, so the lab it belonged to is
            machine.run(["ip", "route", "delete", "unreachable", str(inner)])


@contextmanager
def alone() -> Iterator[None]:
    """Labs of this machine look for a free network one after the other."""
    handle = os.open("/run", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _unreachable(machine: Machine) -> list[IPv4Network]:
    command = ["ip", "-json", "-4", "route", "show", "type", "unreachable", "protocol", _OURS]
    found = [IPv4Network(str(route["dst"])) for route in _json(machine, command)]
    return [one for one in found if one.subnet_of(LAB_RANGE)]


def _must(machine: Machine, argv: list[str]) -> None:
    done = machine.run(argv)
    if done.status:
        raise HostFailed(
            msg("The lab's network cannot be made ({command}): {output}",
                command=" ".join(argv), output=done.err.strip()),
            next_step=msg("`opsbook doctor` says what a lab needs of this machine."),
        )  # fmt: skip


def _json(machine: Machine, argv: list[str]) -> list[dict[str, Any]]:
    rows = json.loads(machine.run(argv).out or "[]")
    return [row for row in rows if row]
