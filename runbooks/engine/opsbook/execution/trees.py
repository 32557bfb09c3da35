"""One digest over a tree of files: every name in it, and everything there that can decide what
is done on a host.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from opsbook.model.errors import InputFault
from opsbook.model.message import msg

_LEFT_OUT_AT_TOP = ".git"
"""A folder may be a repository of its own; deeper, the same name is content like any other."""


_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def tree_digest(roots: Iterable[Path], left_out: tuple[str, ...] = ()) -> str:
    """``sha256:...`` over everything below ``roots``: relative names, contents of files, whether
    they may be executed (copying can keep that), empty directories, links that lead nowhere.

    Links are followed, so that an editable install and a wheel of the same code agree.
    ``left_out`` are patterns of names that do not count. Raises InputFault at links that go round
    in a circle, at what cannot be read, and at what has no content of its own (pipes, devices).
    """
    whole = hashlib.sha256()
    for root in roots:
        for name, kind, content in sorted(_below(root, left_out)):
            encoded = name.encode(errors="surrogateescape")
            whole.update(len(encoded).to_bytes(4) + encoded + kind + content)
    return "sha256:" + whole.hexdigest()


def files_below(root: Path, left_out: tuple[str, ...] = ()) -> Iterator[tuple[str, Path]]:
    """Every file below ``root`` with its name, which begins with that of ``root``; none when
    there is no such directory. Raises InputFault as :func:`tree_digest` does.
    """
    for name, path in _all_below(root, left_out):
        if os.path.isfile(path):  # noqa: PTH113 - some thousand files before every wave
            yield name, Path(path)


def _below(root: Path, left_out: tuple[str, ...]) -> Iterator[tuple[str, bytes, bytes]]:
    """(name, kind, digest of the content) of everything below ``root``."""
    for name, path in _all_below(root, left_out):
        try:
            yield name, *_told(path)
        except OSError as error:
            raise _unreadable(path, error) from error


def _told(path: str) -> tuple[bytes, bytes]:
    """What ``path`` is, and the digest of its content."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - some thousand files before every wave
    except OSError as error:
        if error.errno not in _NOWHERE or not os.path.islink(path):  # noqa: PTH114
            raise
        return b"l", hashlib.sha256(os.fsencode(os.readlink(path))).digest()  # noqa: PTH115
    if stat.S_ISDIR(mode):
        return b"d", b""
    if stat.S_ISREG(mode):
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            content = hashlib.sha256(file.readall())
        return b"x" if mode & stat.S_IXUSR else b"f", content.digest()
    raise InputFault(
        msg("{file} is neither a file nor a directory, so what comes out of it cannot be bound.",
            file=path),
        untouched=msg("Nothing was touched."),
    )  # fmt: skip


def _all_below(root: Path, left_out: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if root.is_dir():
        yield from _walk(str(root), root.name, left_out, ())


def _walk(
    directory: str, name: str, left_out: tuple[str, ...], above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, str]]:
    """Everything below ``directory``, links followed; ``above`` are the directories passed."""
    try:
        found = os.stat(directory)  # noqa: PTH116
        entries = list(os.scandir(directory))
    except OSError as error:
        raise _unreadable(directory, error) from error
    here = (found.st_dev, found.st_ino)
    if here in above:
        raise InputFault(
            msg("Links below {directory} go round in a circle.", directory=directory),
            untouched=msg("Nothing was touched."),
        )
    for entry in entries:
        top = not above and entry.name == _LEFT_OUT_AT_TOP
        if top or any(fnmatchcase(entry.name, pattern) for pattern in left_out):
            continue
        below = f"{name}/{entry.name}"
        yield below, entry.path
        if os.path.isdir(entry.path):  # noqa: PTH112
            yield from _walk(entry.path, below, left_out, (*above, here))


def _unreadable(path: str, error: OSError) -> InputFault:
    return InputFault(
        msg("{file} cannot be read: {reason}", file=path, reason=error.strerror or error),
        untouched=msg("Nothing was touched."),
    )
