"""Reading and replacing files of a host by handles: no symbolic link is ever followed on the way.

Each directory of a path is opened from the one above it with ``O_NOFOLLOW`` (openat(2)), so a link
that somebody puts there between the look and the write is met, told and refused.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import stat
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused

MOST_BYTES = 16 * 1024 * 1024
"""Configuration files are not longer; a longer one is not read."""

_UNKEPT = ("security.ima", "security.evm")


class Stat(t.NamedTuple):
    """What is at a path: ``kind`` is file, directory, link or other; ``mode`` without the kind."""

    kind: str
    mode: int
    uid: int
    gid: int
    links: int


class Wanted(t.NamedTuple):
    """What a file is to be. ``data`` None: it is not to be there."""

    data: t.Optional[bytes]  # noqa: UP045 (Python 3.8)
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


def stat_of(path: str) -> Stat | None:
    """What is at ``path`` itself; None when nothing is. Raises OSError."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(found.st_mode), "other")
    return Stat(kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_nlink)


def read_plain(path: str) -> bytes | None:
    """The bytes of a regular file; None when there is none. Raises Refused for anything else."""
    try:
        with _opened(path, os.O_RDONLY | os.O_NONBLOCK) as handle:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Refused(f"{path} is not a plain file. It was not touched.")
            if os.fstat(handle).st_size > MOST_BYTES:
                raise Refused(f"{path} is longer than any configuration. It was not touched.")
            with os.fdopen(os.dup(handle), "rb") as stream:
                return stream.read(MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None


def place(path: str, wanted: Wanted, times: t.Tuple[int, int] | None = None,
          xattrs: t.Mapping[str, str] | None = None) -> None:  # fmt: skip
    """Make ``path`` what is wanted, whole and durable. ``times`` are nanoseconds (read, changed).

    A new file is written beside it and renamed. ``xattrs`` are names and values in base64; without
    them those of the file that is replaced are kept. Raises Refused (a link on the way), OSError.
    """
    name = os.path.basename(path)
    with _directory(path, make=wanted.data is not None) as above:
        if wanted.data is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=above)
        else:
            _replace(path, name, above, wanted, times, xattrs)
        os.fsync(above)


def part_of(path: str) -> str:
    """The name beside a file under which its next bytes are written."""
    above, _, name = path.rpartition("/")
    return f"{above}/.{name[:200]}.opsbook-part"


def clear(path: str) -> None:
    """Take away what a crash in the middle of :func:`place` left beside a file."""
    try:
        with _directory(path) as above:
            os.unlink(os.path.basename(part_of(path)), dir_fd=above)
    except (FileNotFoundError, NotADirectoryError, Refused):
        return


def _replace(path: str, name: str, above: int, wanted: Wanted, times: t.Any, xattrs: t.Any) -> None:
    part = os.path.basename(part_of(path))
    kept = extended(path) if xattrs is None else xattrs
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part, dir_fd=above)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600,
                     dir_fd=above)  # fmt: skip
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(wanted.data or b"")
            os.fchown(handle, wanted.uid, wanted.gid)
            os.fchmod(handle, wanted.mode)
            _set_extended(handle, kept)
            stream.flush()
            if times is not None:
                os.utime(handle, ns=times)
            os.fsync(handle)
        os.replace(part, name, src_dir_fd=above, dst_dir_fd=above)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=above)
        raise


def set_attributes(path: str, mode: int, uid: int, gid: int) -> None:
    """Mode and owner of a file or directory as it is, not through a link. Raises Refused, OSError.

    A file that has a second name is refused where its owner would change: the other name may be
    a trap.
    """
    with _opened(path, os.O_RDONLY | os.O_NONBLOCK) as handle:
        now = os.fstat(handle)
        owner_changes = (now.st_uid, now.st_gid) != (uid, gid)
        if owner_changes and stat.S_ISREG(now.st_mode) and now.st_nlink > 1:
            raise Refused(f"{path} has a second name elsewhere. Its owner was not changed.")
        if owner_changes:
            os.fchown(handle, uid, gid)
        os.fchmod(handle, mode)


def extended(path: str) -> dict[str, str]:
    """Extended attributes (ACLs, security labels, capabilities) in base64; none where none."""
    found = {}
    try:
        for name in sorted(os.listxattr(path, follow_symlinks=False)):
            if name not in _UNKEPT:
                value = os.getxattr(path, name, follow_symlinks=False)
                found[name] = base64.b64encode(value).decode()
    except OSError:
        return found
    return found


def _set_extended(handle: int, wanted: t.Mapping[str, str]) -> None:
    for name, value in wanted.items():
        try:
            os.setxattr(handle, name, base64.b64decode(value))
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM):
                raise


@contextlib.contextmanager
def _opened(path: str, flags: int) -> t.Iterator[int]:
    with _directory(path) as above:
        try:
            handle = os.open(os.path.basename(path), flags | os.O_NOFOLLOW, dir_fd=above)
        except OSError as error:
            raise _told(error, path) from error
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _directory(path: str, make: bool = False) -> t.Iterator[int]:
    """A handle of the directory of ``path``; missing ones are made (0755) where ``make``."""
    if not path.startswith("/") or os.path.normpath(path) != path:
        raise Refused(f"{path!r} is no absolute path. Nothing was touched.")
    handle = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    walked = ""
    try:
        for name in path.split("/")[1:-1]:
            walked += "/" + name
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=handle)
            try:
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            except OSError as error:
                raise _told(error, walked) from error
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def _told(error: OSError, path: str) -> Exception:
    """A link is refused in words (O_NOFOLLOW gives ELOOP, with O_DIRECTORY ENOTDIR)."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR) and os.path.islink(path):
        return Refused(f"{path} is a symbolic link. Nothing was written through it.")
    return error
