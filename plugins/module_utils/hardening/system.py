"""What steps may ask of a host while they look: nothing here writes."""

from __future__ import annotations

import glob
import os
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import sshtest
from ansible_collections.opsbook.runbooks.plugins.module_utils.host import (
    hostfiles,
    placing,
    standing,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Done, run


class System:
    """This host. Tests have one in memory with the same methods."""

    def __init__(self) -> None:
        words = ""
        for line in hostfiles.read("/etc/os-release").splitlines():
            if line.startswith(("ID=", "ID_LIKE=")):
                words += " " + line.partition("=")[2].strip("\"'")
        rpm = ("rhel", "fedora", "centos", "suse", "openeuler", "kylin", "anolis")
        has_apt = os.path.exists("/usr/bin/apt-get") or os.path.exists("/var/lib/dpkg/status")
        self.family = "rhel" if any(one in words for one in rpm) or not has_apt else "debian"
        self.machine = os.uname().machine
        self.container = standing.in_container()
        self.systemd = os.path.isdir("/run/systemd/system")

    def stat(self, path: str) -> placing.Stat | None:
        """What is at ``path`` itself."""
        return placing.stat_of(path)

    def read(self, path: str) -> bytes | None:
        """The bytes of a plain file; None when it is not there. Raises Refused, OSError."""
        return placing.read_plain(path)

    def live(self, path: str) -> str | None:
        """What the kernel says at a path of /proc or /sys; None when it says nothing."""
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                return stream.read(65536).strip()
        except OSError:
            return None

    def writable(self, path: str) -> bool:
        """Whether a value of the kernel can be set here: not in most containers."""
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError:
            return False
        return True

    def names(self, directory: str) -> list[str]:
        """The names in a directory, sorted."""
        return hostfiles.names(directory)

    def glob(self, pattern: str) -> list[str]:
        """Paths that fit a pattern, sorted."""
        return sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]

    def run(self, *argv: str, text: str = "") -> Done:
        """Ask a program that only reads."""
        return run(*argv, text=text, timeout=60)

    def sshd(self) -> dict[str, str]:
        """The options of sshd as they count now, by their names in small letters."""
        return sshtest.effective()

    def has(self, program: str) -> bool:
        """Whether there is a program of this name."""
        places = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
        return any(os.access(f"{place}/{program}", os.X_OK) for place in places)


Host = t.Union[System, t.Any]  # noqa: UP007 (Python 3.8): a System, or the tests' own
