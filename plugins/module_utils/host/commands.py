"""Running the host's own programs: argument lists only, one locale, no terminal, no questions."""

from __future__ import annotations

import os
import subprocess
import typing as t

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Refused(Exception):
    """A sentence for the engineer: what is wrong, and that nothing was written because of it."""


class Failed(Exception):
    """A sentence for the engineer: what went wrong while something was being written."""


class Done(t.NamedTuple):
    """How a program ended. ``status`` 127: it is not there; 124: it took too long."""

    status: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """The last lines of what it said, on one line, errors first."""
        return last_words(self.err) or last_words(self.out) or f"status {self.status}"


def run(*argv: str, timeout: float = 120, cwd: str | None = None, text: str = "") -> Done:
    """Run a program and keep what it prints. ``timeout`` in seconds; ``text`` is its input."""
    try:
        done = subprocess.run(
            argv,
            input=text.encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
            env=environment(),
            cwd=cwd,
        )
    except subprocess.TimeoutExpired:
        return Done(124, "", f"{argv[0]} did not end within {timeout:.0f} seconds")
    except OSError as error:
        return Done(127, "", f"{argv[0]}: {error.strerror}")
    return Done(done.returncode, _text(done.stdout), _text(done.stderr))


def run_logged(log: str, *argv: str) -> Done:
    """Run a program that starts daemons: what it prints goes to the file ``log``, which grows.

    A pipe would stay open as long as a daemon that a package's script has started.
    """
    handle = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "r+b") as stream:
        begin = stream.seek(0, os.SEEK_END)
        stream.write(("$ " + " ".join(argv)[:2000] + "\n").encode())
        stream.flush()
        try:
            status = subprocess.call(
                argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment()
            )
        except OSError as error:
            return Done(127, "", f"{argv[0]}: {error.strerror}")
        stream.seek(begin)
        return Done(status, _text(stream.read()), "")


def environment() -> dict[str, str]:
    """Surroundings in which package managers ask nothing and restart nothing of their own."""
    return {
        "PATH": PATH,
        "HOME": "/root",
        "LC_ALL": "C",
        "LANG": "C",
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBIAN_PRIORITY": "critical",
        "UCF_FORCE_CONFFOLD": "1",
        "APT_LISTCHANGES_FRONTEND": "none",
        "APT_LISTBUGS_FRONTEND": "none",
        "NEEDRESTART_SUSPEND": "1",
        "NEEDRESTART_MODE": "l",
    }


def last_words(text: str, lines: int = 4) -> str:
    """The last telling lines of an output as one line of plain characters."""
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in kept if line.startswith(("E:", "dpkg: error", "Error"))] or kept
    return "".join(c if c.isprintable() else " " for c in " / ".join(telling[-lines:]))[:600]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
