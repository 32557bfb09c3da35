"""The port for bulk streams: one command on a host, its standard input and output as bytes.

Ansible and fabric are for small things; what is bulky goes through the system's own OpenSSH.
"""

from __future__ import annotations

import fcntl
import os
import re
import selectors
import shlex
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from opsbook.execution.reach.hostkeys import changed_key, unknown_key
from opsbook.model.errors import HostFailed, HostFault, HostUnreachable, Interrupted
from opsbook.model.estate import Host
from opsbook.model.message import msg

IDLE_SECONDS = 60.0
"""A host that sends nothing for this long is taken for lost."""

READ = 1024 * 1024
"""The most bytes taken from a session at once."""

_STDERR_KEPT = 8192
_SLICE_SECONDS = 0.5


class Session(Protocol):
    """A command running on a host. Not for use by two threads at once."""

    def send(self, data: bytes) -> None:
        """Write to the command's standard input. Raises HostUnreachable when it takes nothing."""
        ...

    def receive(self, limit: int = READ, idle: float = IDLE_SECONDS) -> bytes:
        """Up to ``limit`` bytes of its standard output; ``b""`` at the end.

        Raises HostUnreachable when nothing comes for ``idle`` seconds.
        """
        ...

    def fault(self) -> HostFault:
        """Why the command ended before its time, as the exception to raise."""
        ...

    def kill(self) -> None:
        """End the command and give everything back. May be called twice."""
        ...


class Transport(Protocol):
    """Port: opens sessions on hosts."""

    def open(
        self,
        host: Host,
        command: str,
        *,
        become: bool,
        seconds: float,
        cancelled: threading.Event,
    ) -> Session:
        """Start ``sh -c command`` on ``host``, as root when ``become``.

        The session raises HostFailed once ``seconds`` have passed in all, and Interrupted once
        ``cancelled`` is set.
        """
        ...


class ShellTransport:
    """OpenSSH with the estate's ``ssh_config``, or a shell here where the inventory says so."""

    def __init__(self, config: Path) -> None:
        self._config = config

    def open(
        self,
        host: Host,
        command: str,
        *,
        become: bool,
        seconds: float,
        cancelled: threading.Event,
    ) -> Session:
        """See :meth:`Transport.open`."""
        words = ["sh", "-c", command]
        if host.connection == "local":
            argv = ["sudo", "-n", *words] if become and os.geteuid() != 0 else words
        else:
            remote = shlex.join((["sudo", "-n"] if become and host.user != "root" else []) + words)
            argv = ["ssh", "-F", str(self._config), *_OPTIONS, "--", host.name, remote]
        return ProcessSession(host, argv, seconds=seconds, cancelled=cancelled)


_OPTIONS = ("-T", "-x", "-a", "-e", "none", "-o", "LogLevel=ERROR")
"""What is of this use of OpenSSH alone; all other rules stand in the ssh_config."""

_SSH_FAILED = 255


class ProcessSession:
    """A :class:`Session` over a child process; at its end the whole process group is ended."""

    def __init__(
        self, host: Host, argv: list[str], *, seconds: float, cancelled: threading.Event
    ) -> None:
        self._host = host
        self._ssh = argv[0] == "ssh"
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._cancelled = cancelled
        self._errors = bytearray()
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise HostFailed(
                msg("This machine has no {program} in its PATH, so {host} was left untouched.",
                    program=argv[0], host=host.name),
                next_step=msg("opsbook doctor shows what this machine lacks."),
            ) from error  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        self._err = self._process.stderr.fileno()
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)
        with suppress(OSError):  # a wider pipe means fewer wakings; the default does as well
            fcntl.fcntl(self._out, fcntl.F_SETPIPE_SZ, READ)
        self._selector.register(self._out, selectors.EVENT_READ)
        self._selector.register(self._err, selectors.EVENT_READ)

    def send(self, data: bytes) -> None:
        """See :meth:`Session.send`."""
        rest = memoryview(data)
        quiet = time.monotonic()
        with selectors.DefaultSelector() as writable:
            writable.register(self._in, selectors.EVENT_WRITE)
            while rest:
                self._check(quiet, IDLE_SECONDS)
                if writable.select(_SLICE_SECONDS):
                    rest = rest[self._write(rest) :]
                    quiet = time.monotonic()

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._in, data)
        except BrokenPipeError as error:
            raise self.fault() from error

    def receive(self, limit: int = READ, idle: float = IDLE_SECONDS) -> bytes:
        """See :meth:`Session.receive`."""
        quiet = time.monotonic()
        while True:
            self._check(quiet, idle)
            ready = {key.fd for key, _ in self._selector.select(_SLICE_SECONDS)}
            if self._err in ready:
                self._take_errors()
            if self._out in ready:
                return os.read(self._out, limit)

    def _check(self, quiet: float, idle: float) -> None:
        if self._cancelled.is_set():
            raise Interrupted(msg("Stopped on request while reading {host}.", host=self._host.name))
        now = time.monotonic()
        if now > self._until:
            raise HostFailed(
                msg("{host} was not done within {seconds} s.", host=self._host.name,
                    seconds=round(self._seconds))
            )  # fmt: skip
        if now - quiet > idle:
            raise HostUnreachable(
                msg("{host} sent nothing for {seconds} s.", host=self._host.name,
                    seconds=round(idle))
            )  # fmt: skip

    def _take_errors(self) -> bool:
        data = os.read(self._err, _STDERR_KEPT)
        if not data:
            self._selector.unregister(self._err)
        self._errors = (self._errors + data)[-_STDERR_KEPT:]
        return bool(data)

    def fault(self) -> HostFault:
        """See :meth:`Session.fault`."""
        code = self._ended()
        with suppress(BlockingIOError, KeyError):
            while self._take_errors():
                pass
        text = self._errors.decode(errors="replace")
        if self._ssh and code == _SSH_FAILED:
            return ssh_fault(self._host, text)
        if "sudo:" in text:
            return HostFailed(
                msg("sudo on {host} did not let opsbook in: {reason}", host=self._host.name,
                    reason=_last_line(text)),
                next_step=msg("Allow the account to run sudo without a password, or set "
                              "ansible_become: false."),
            )  # fmt: skip
        return HostFailed(
            msg("The shell on {host} ended early (exit {code}): {reason}", host=self._host.name,
                code=code, reason=_last_line(text))
        )  # fmt: skip

    def _ended(self) -> int:
        try:
            return self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def kill(self) -> None:
        """See :meth:`Session.kill`."""
        with suppress(ProcessLookupError, PermissionError):
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()


def ssh_fault(host: Host, text: str) -> HostUnreachable:
    """What ssh said on standard error, as one clear sentence."""
    if "IDENTIFICATION HAS CHANGED" in text:
        return changed_key(host)
    if "Host key verification failed" in text:
        return unknown_key(host)
    return HostUnreachable(msg("{host} cannot be reached: {reason}", host=host.name,
                               reason=_last_line(text)))  # fmt: skip


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else "the connection was closed"
    return re.sub(r"^(ssh|kex_exchange_identification|client_loop): ", "", last)[:300]
