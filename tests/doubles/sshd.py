"""A real sshd on a loopback port, for tests that need SSH but no host of its own.

Not a double: it stands beside them because contract and integration tests share it.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sshd:
    """A running sshd. ``known_hosts`` and ``key`` are what a client needs."""

    port: int
    key: Path
    known_hosts: Path
    directory: Path
    user: str

    def host_line(self, port: int | None = None) -> str:
        """The host key as a line of known_hosts."""
        public = (self.directory / "host_key.pub").read_text().split()
        return f"[127.0.0.1]:{port or self.port} {public[0]} {public[1]}\n"


def free_port() -> int:
    """A loopback port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_sshd(directory: Path) -> Iterator[Sshd]:
    """Start an sshd below ``directory`` that lets this user in by a new key."""
    port = free_port()
    sshd = Sshd(port, directory / "key", directory / "known_hosts", directory, getpass.getuser())
    for name in ("key", "host_key"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name))
    shutil.copy(directory / "key.pub", directory / "authorized_keys")
    sshd.known_hosts.write_text(sshd.host_line())
    config = directory / "sshd_config"
    config.write_text(_CONFIG.format(port=port, d=directory))
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True) if os.geteuid() == 0 else None
    process = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)],
        stderr=(directory / "log").open("wb"),
    )
    try:
        _wait(port, process)
        yield sshd
    finally:
        process.terminate()
        process.wait(10)


_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {d}/host_key
PidFile {d}/pid
AuthorizedKeysFile {d}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
AllowTcpForwarding yes
MaxStartups 100
MaxSessions 50
Subsystem sftp internal-sftp
"""


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("sshd did not start")
