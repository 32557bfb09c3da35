"""The port for small POSIX scripts on hosts, with or without Python there.

A script travels over standard input to ``sh -s``, so that nothing of it stands in a command line.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from typing import Protocol

from opsbook.model.errors import HostFailed
from opsbook.model.estate import Host, Inventory
from opsbook.model.message import msg
from opsbook.model.places import Places

MOST_OUTPUT = 8 * 1024 * 1024
"""The most bytes of output that are kept of a script."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a script ended. Output is hostile; bytes that are not UTF-8 are replaced."""

    rc: int
    out: str
    err: str


class Shell(Protocol):
    """Port: runs a script on a host."""

    def run(
        self, host: Host, script: str, *, timeout: float, become: bool | None = None
    ) -> Completed:
        """Run ``script`` by ``sh`` within ``timeout`` seconds, as root when ``become``.

        ``become`` left out is what the inventory says of the host. Raises HostUnreachable when
        the host cannot be reached or the connection is lost, HostFailed when time runs out.
        """
        ...


class HostShell:
    """Scripts by fabric, or on this machine where the inventory says so. Safe to share."""

    def __init__(self, inventory: Inventory, places: Places) -> None:
        self._inventory = inventory
        self._places = places

    def run(
        self, host: Host, script: str, *, timeout: float, become: bool | None = None
    ) -> Completed:
        """See :meth:`Shell.run`."""
        root = host.become if become is None else become
        if host.connection == "local":
            return run_here(host.name, script, timeout=timeout, become=root)
        from opsbook.execution.reach.remote import run_there

        return run_there(
            host, self._inventory, self._places, script, timeout=timeout, command=command(root)
        )


def command(become: bool) -> str:
    """The command line that reads a script from standard input."""
    return "sudo -n -- sh -s" if become else "sh -s"


def out_of_time(host: str, timeout: float) -> HostFailed:
    """The fault of a script that did not end in time."""
    return HostFailed(
        msg("A script on {host} did not end within {seconds} s.", host=host, seconds=round(timeout))
    )


def run_here(host: str, script: str, *, timeout: float, become: bool) -> Completed:
    """Run ``script`` on this machine. Raises HostFailed when time runs out or there is no shell."""
    root = become and os.geteuid() != 0
    try:
        process = subprocess.Popen(
            command(root).split(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise HostFailed(
            msg("this machine has no {program} in its PATH", program=error.filename)
        ) from error
    try:
        out, err = process.communicate(script.encode(), timeout=timeout)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise out_of_time(host, timeout) from error
    return completed(process.returncode, out, err)


def completed(rc: int, out: bytes, err: bytes) -> Completed:
    """Bytes as text, of bounded size."""
    return Completed(
        rc,
        out[:MOST_OUTPUT].decode(errors="replace"),
        err[:MOST_OUTPUT].decode(errors="replace"),
    )
