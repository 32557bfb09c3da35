"""The port to the machine the lab runs on: commands, detached processes, the process table."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: exit status (negative: killed by that signal) and its output."""

    status: int
    out: str = ""
    err: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """A running process: ``started`` (clock ticks since boot) tells it from a later one with the
    same id.
    """

    pid: int
    started: int
    argv: tuple[str, ...]


class Machine(Protocol):
    """Port: what the lab asks of the machine it runs on."""

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Done:
        """Run a command to its end. Status 127 when there is no such command, 124 on timeout."""
        ...

    def detach(self, argv: Sequence[str], log: Path) -> None:
        """Start a process that outlives us, in its own session, writing to ``log``."""
        ...

    def processes(self) -> list[Process]:
        """Our own user's processes (a lab is run by the superuser)."""
        ...

    def kill(self, process: Process, number: signal.Signals) -> None:
        """Signal exactly this process; nothing happens when it has ended."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait."""
        ...


class LinuxMachine:
    """This machine."""

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Done:
        """Run a command to its end. Status 127 when there is no such command, 124 on timeout."""
        # Cron and sudo may give a path without the superuser's programs.
        path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
        env = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": path}
        try:
            ended = subprocess.run(
                list(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                env=env, check=False, errors="replace",
            )  # fmt: skip
        except FileNotFoundError as missing:
            return Done(127, err=str(missing))
        except subprocess.TimeoutExpired:
            return Done(124, err=f"no end after {timeout:.0f} s")
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def detach(self, argv: Sequence[str], log: Path) -> None:
        """Start a process that outlives us, in its own session, writing to ``log``."""
        with log.open("wb") as output:
            subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, cwd="/",
            )  # fmt: skip

    def processes(self) -> list[Process]:
        """Our own user's processes (a lab is run by the superuser)."""
        return list(_processes())

    def kill(self, process: Process, number: signal.Signals) -> None:
        """Signal exactly this process; nothing happens when it has ended."""
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return
        try:
            if _started(Path("/proc") / str(process.pid)) == process.started:
                signal.pidfd_send_signal(handle, number)
        except (ProcessLookupError, FileNotFoundError):
            pass
        finally:
            os.close(handle)

    def pause(self, seconds: float) -> None:
        """Wait."""
        import time

        time.sleep(seconds)


def _processes() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid != os.geteuid():
                continue
            words = (entry / "cmdline").read_bytes().decode(errors="surrogateescape")
            yield Process(int(entry.name), _started(entry), tuple(words.split("\0")[:-1]))
        except (FileNotFoundError, ProcessLookupError):
            continue


def _started(entry: Path) -> int:
    """Field 22 of proc(5) stat; the second field may hold blanks and brackets."""
    return int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[19])
