"""Which processes are at work: holders of leases (Linux, proc(5)), users of the state."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from opsbook.ledger.port import Holder
from opsbook.model.errors import Busy
from opsbook.model.message import msg

_PROC = Path("/proc")


def this_process(run: str) -> Holder:
    """This process as the holder of leases for ``run``."""
    pid = os.getpid()
    started = _started(pid)
    return Holder(run, pid, 0 if started is None else started, _boot_id())


def alive(holder: Holder) -> bool:
    """Whether the very process that took the lease still runs; a zombie does not."""
    return holder.boot_id == _boot_id() and _started(holder.pid) == holder.started


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


def _started(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; the name in field 2 may hold anything, also ``)``."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
