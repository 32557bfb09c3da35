"""The private directory of one run of Ansible: gone when it ends, however it ends.

Its owner holds a lock (flock) on it, which the kernel gives back when the owner dies; whoever
opens a directory next removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opsbook.model.errors import Busy
from opsbook.model.message import msg
from opsbook.model.places import Places, private

_NAME = "ansible"
_LOCK = "ansible.lock"


@contextmanager
def working_directory(places: Places, run: str) -> Iterator[Path]:
    """An empty directory of mode 0700 for ``run``. Raises Busy when another process has it."""
    sweep(places)
    home = private(places.run(run))
    lock = _lock(home)
    if lock is None:
        raise Busy(msg("Another process is at work on {run}.", run=run))
    directory = home / _NAME
    try:
        _remove(directory)
        directory.mkdir(mode=0o700)
        yield directory
    finally:
        _remove(directory)
        (home / _LOCK).unlink(missing_ok=True)
        os.close(lock)
        _remove_if_empty(home)


def sweep(places: Places) -> None:
    """Remove what runs left behind whose processes died."""
    for directory in (places.root / "run").glob(f"*/{_NAME}"):
        home = directory.parent
        lock = _lock(home)
        if lock is not None:
            _remove(directory)
            (home / _LOCK).unlink(missing_ok=True)
            os.close(lock)
            _remove_if_empty(home)


def _lock(home: Path) -> int | None:
    """The lock on ``home``, or None while somebody else holds it."""
    for _ in range(3):  # its former holder may have removed the file that was just opened
        try:
            descriptor = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        if _take(descriptor):
            return descriptor
        os.close(descriptor)
    return None


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return os.fstat(descriptor).st_nlink > 0


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)


def _remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return
