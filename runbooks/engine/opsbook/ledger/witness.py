"""Witnesses: copies of checkpoints under another account, which make a cut tail or a rewritten
history visible.

A witness keeps *lines* (:func:`opsbook.ledger.signing.to_line`). One that fails does not lose the
run: it is told as a deviation.
"""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from opsbook.ledger.git_witness import GitWitness
from opsbook.ledger.port import Checkpoint
from opsbook.ledger.signing import from_line, to_line
from opsbook.model.clock import stamp
from opsbook.model.estate import Witness
from opsbook.model.message import Message, msg, printable

TIMEOUT_SECONDS = 20.0
_AUDIT_NOTICE = 13 * 8 + 5
"""RFC 5424: facility "log audit" (13), severity "notice" (5)."""


class WitnessPlace(Protocol):
    """Port: keeps lines. Both methods raise OSError or ValueError saying what is wrong."""

    def keep(self, line: str, checkpoint: Checkpoint) -> None:
        """Add a line."""
        ...

    def lines(self) -> Iterator[str]:
        """All lines kept, oldest first."""
        ...


def testify(
    checkpoint: Checkpoint,
    witnesses: Sequence[Witness],
    place: Callable[[Witness], WitnessPlace] | None = None,  # noqa: PT028 -- not a test
) -> list[Message]:
    """Copy ``checkpoint`` to every one of ``witnesses``; says which of them failed, and why."""
    problems = []
    for witness in witnesses:
        try:
            (place or place_of)(witness).keep(to_line(checkpoint), checkpoint)
        except (OSError, ValueError) as error:
            problems.append(
                msg(
                    "The witness {witness} did not get the checkpoint {seq}: {reason}",
                    witness=describe(witness), seq=checkpoint.seq, reason=str(error),
                )
            )  # fmt: skip
    return problems


def place_of(witness: Witness) -> WitnessPlace:
    """What keeps the lines of a declared witness. Raises ValueError when it is incomplete."""
    if witness.kind == "syslog":
        return SyslogWitness(witness.path or "/dev/log", witness.address)
    if witness.path is None or not Path(witness.path).is_absolute():
        raise ValueError(f"a {witness.kind} witness needs an absolute path")
    if witness.kind == "git":
        return GitWitness(Path(witness.path), witness.address)
    return FileWitness(Path(witness.path))


def describe(witness: Witness) -> str:
    """The witness in short, for messages; an account in its address stays out of them."""
    address = re.sub(r"//[^/@]*@", "//", witness.address or "")
    return " ".join(filter(None, (witness.kind, witness.path, address)))


def read_lines(lines: Iterator[str]) -> Iterator[Checkpoint]:
    """The checkpoints in ``lines``; a line cut off while it was written is left out, as is
    anything around the JSON (what a syslog server puts in front of it).
    """
    for line in lines:
        begin = line.find("{")
        if begin >= 0:
            try:
                yield from_line(line[begin:].strip())
            except ValueError:
                continue


class FileWitness:
    """A file that only grows, one line per checkpoint."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, line: str, checkpoint: Checkpoint) -> None:
        """Append the line in one write and wait until it is on the disk."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError(f"{self._path} is not a file")
            data = f"{self._torn(descriptor)}{line}\n".encode()
            if os.write(descriptor, data) != len(data):
                raise OSError(f"{self._path}: the line was not written whole")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lines(self) -> Iterator[str]:
        """All lines; bytes that are no text are shown, never obeyed."""
        with self._path.open(encoding="utf-8", errors="backslashreplace") as file:
            yield from file

    @staticmethod
    def _torn(descriptor: int) -> str:
        """A newline when the last line was cut off by a full disk."""
        size = os.fstat(descriptor).st_size
        return "\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else ""


class SyslogWitness:
    """Syslog (RFC 5424) to a local socket, or to ``udp://host:port`` or ``tcp://host:port``.

    What it got can only be read where it is kept: export it and give ``--witness FILE``.
    """

    def __init__(self, path: str, address: str | None) -> None:
        self._path = path
        self._address = address

    def keep(self, line: str, checkpoint: Checkpoint) -> None:
        """Send the line as one message; TCP frames it by octet counting (RFC 6587)."""
        host = printable(socket.gethostname()).replace(" ", "_") or "-"
        when = stamp(checkpoint.at)
        head = f"<{_AUDIT_NOTICE}>1 {when} {host} opsbook {os.getpid()} checkpoint - "
        data = (head + line).encode()
        if self._address is None:
            self._send_local(data)
        else:
            self._send(data, *_parted(self._address))

    def lines(self) -> Iterator[str]:
        """Raises ValueError: what syslog got cannot be read back from here."""
        raise ValueError("syslog cannot be read back; export its lines and give --witness FILE")

    def _send_local(self, data: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.settimeout(TIMEOUT_SECONDS)
            sending.connect(self._path)
            sending.sendall(data)

    @staticmethod
    def _send(data: bytes, transport: str, host: str, port: int) -> None:
        if transport == "tcp":
            with socket.create_connection((host, port), TIMEOUT_SECONDS) as sending:
                sending.sendall(f"{len(data)} ".encode() + data)
            return
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as sending:
            sending.settimeout(TIMEOUT_SECONDS)
            sending.connect(where)
            sending.sendall(data)


def _parted(address: str) -> tuple[str, str, int]:
    """Transport, host and port of ``[udp://|tcp://]host[:port]``; IPv6 stands in brackets."""
    from urllib.parse import urlsplit

    parts = urlsplit(address if "://" in address else f"udp://{address}")
    if parts.scheme not in ("udp", "tcp") or not parts.hostname:
        raise ValueError("a syslog address is udp://HOST:PORT or tcp://HOST:PORT")
    return parts.scheme, parts.hostname, parts.port or 514
