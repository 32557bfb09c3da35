"""Which processes are at work: holders of leases (Linux, proc(5)), users of the state."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from opsbook.ledger.port import Holder
from opsbook.model.errors import Busy
from opsbook.model.message import msg

_PROC = Path("/proc")
_INITIAL = "pid:[4026531836]"
"""The PID namespace in which all processes can be seen (linux/proc_ns.h, PROC_PID_INIT_INO)."""


def this_process(run: str) -> Holder:
    """This process as the holder of leases for ``run``."""
    pid = os.getpid()
    started = _started(pid)
    return Holder(run, pid, 0 if started is None else started, f"{_boot_id()}/{_namespace()}")


def alive(holder: Holder) -> bool:
    """Whether the very process that took the lease still runs; a zombie does not.

    A holder in another PID namespace of this boot can only be looked for from the initial
    namespace; from anywhere else it counts as alive, because taking over a live lease is worse
    than waiting.
    """
    boot, _, namespace = holder.boot_id.partition("/")
    if boot != _boot_id():
        return False
    if namespace == _namespace():
        return _started(holder.pid) == holder.started
    return _namespace() != _INITIAL or _is_somewhere(namespace, holder.started)


def share_state(root: Path, *, alone: bool = False) -> int:
    """Lock the state in ``root`` against restore and upgrade while the descriptor is open.

    ``alone``: for restore and upgrade themselves. Raises Busy.
    """
    path = root / "ledger.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Busy(
            msg("The state in {path} is in use by another opsbook.", path=root),
            next_step=msg("Try again when it has ended."),
        ) from error
    return descriptor


def _boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _namespace(process: str = "self") -> str:
    """The PID namespace of a process; empty when it is gone or not ours to see."""
    try:
        return str((_PROC / process / "ns/pid").readlink())
    except OSError:
        return ""


def _is_somewhere(namespace: str, started: int) -> bool:
    """Whether a process of that namespace, whatever its number here, started at that time."""
    return any(
        _namespace(entry.name) == namespace and _started(int(entry.name)) == started
        for entry in _PROC.iterdir()
        if entry.name.isdecimal()
    )


def _started(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; the name in field 2 may hold anything, also ``)``."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
