"""Where things lie in a log store, and the care every write takes.

``<root>/catalogue.db`` and ``<root>/<host>/<YYYY-MM-DD>/{<source>.<run>.zst,manifest.json}``;
the archive tier looks the same without a catalogue. Everything is private to its owner.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from opsbook.domains.logs.keep.catalogue import UNTOUCHED, full
from opsbook.model import names
from opsbook.model.errors import Busy, HostRefused, InputFault, OpsbookError
from opsbook.model.message import msg

CATALOGUE = "catalogue.db"
PART = ".part"
_LOCK = ".lock"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_FILE = re.compile(r"[a-z][a-z0-9_]*\.[A-Za-z0-9-]+\.zst|manifest\.json")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_HOST = re.compile(names.HOST)
_SOURCE = re.compile(names.SOURCE)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Tier:
    """A directory with hosts, days and files: the hot tier or the archive tier."""

    root: Path

    def host(self, host: str) -> Path:
        """Directory of a host. Raises InputFault when the name cannot be one."""
        if not _HOST.fullmatch(host) or host.startswith(CATALOGUE):
            raise InputFault(msg("{host} cannot be the name of a host in a log store.", host=host))
        return self.root / host

    def day(self, host: str, day: str) -> Path:
        """Directory of a host's day."""
        assert _DAY.fullmatch(day), day
        return self.host(host) / day

    def file(self, host: str, day: str, name: str) -> Path:
        """A stored file."""
        assert _FILE.fullmatch(name), name
        return self.day(host, day) / name

    def days(self, host: str) -> list[str]:
        """Days that have a directory, in order."""
        with suppress(FileNotFoundError, NotADirectoryError):
            found = os.listdir(self.host(host))  # noqa: PTH208  # names only, no Path objects
            return sorted(name for name in found if _DAY.fullmatch(name))
        return []

    def hosts(self) -> list[str]:
        """Hosts that have a directory, in order."""
        return sorted(
            entry.name for entry in os.scandir(self.root)
            if entry.is_dir(follow_symlinks=False) and _HOST.fullmatch(entry.name)
        )  # fmt: skip


def file_name(source: str, run: str) -> str:
    """The stored file of a source's night."""
    if not _SOURCE.fullmatch(source) or not _RUN.fullmatch(run):
        raise InputFault(
            msg("{source} of {run} cannot be stored: not a name.", source=source, run=run)
        )
    return f"{source}.{run}.zst"


def make_root(path: Path) -> Path:
    """The root of a tier, made when missing. Raises InputFault when that cannot be."""
    try:
        make_private(path)
        reason = None if os.access(path, os.W_OK | os.X_OK) else "Permission denied"
    except OSError as error:
        in_its_place = isinstance(error, FileExistsError)  # a file, or a loop of links
        reason = "Not a directory" if in_its_place else str(error.strerror)
    if reason is None:
        return path
    raise InputFault(
        msg("The log store {path} cannot be used: {reason}.", path=path, reason=reason),
        untouched=msg("Nothing was collected or changed."),
        next_step=msg("Name another directory under stores in estate.yml."),
    )


def make_private(directory: Path) -> Path:
    """Make ``directory`` and missing parents, for the owner only, and durable in their parents."""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)
        sync_directory(directory.parent)
    return directory


@contextmanager
def explained(store: Path) -> Iterator[None]:
    """Turns a full disk into its sentence; other trouble of the store into one, too."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise full(store) from error
        raise HostRefused(
            msg("The log store {path} cannot be written: {reason}.",
                path=store, reason=str(error.strerror)),
            untouched=UNTOUCHED,
        ) from error  # fmt: skip


def sync_directory(directory: Path) -> None:
    """Make names in ``directory`` durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_durably(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` whole or not at all; durable when this returns."""
    part = path.with_name(path.name + PART)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


class HostLock:
    """The right of one process (and one night in it) to change what is stored of a host."""

    def __init__(self, directory: Path, host: str) -> None:
        self._fd = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise _busy(host) from error

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _busy(host: str) -> OpsbookError:
    return Busy(
        msg("The stored logs of {host} are being changed by another process.", host=host),
        untouched=msg("They were left untouched."),
    )
