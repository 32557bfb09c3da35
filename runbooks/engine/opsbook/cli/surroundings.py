"""What cron, a shell or a full disk does to a process, met before and after every command.

Standard streams may be closed, unread, on a full disk, or in an encoding that has no Chinese; the
working directory may be gone. None of that is a fault of opsbook, and none may look like one.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from contextlib import suppress
from pathlib import Path

from opsbook.model.errors import InputFault, OpsbookError
from opsbook.model.exits import Exit
from opsbook.model.message import msg

_IN_THE_WAY = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE,
     errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE)
)  # fmt: skip
"""What an operator mends; any other OSError that escapes is our own bug."""


def steady_streams() -> None:
    """Give standard streams that are closed to /dev/null, and let all of them say everything.

    Otherwise the next file that is opened would take the number of a closed one, and whatever
    writes to standard error would write into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # ASCII: no locale was set; as PEP 540 has it
            encoding = "utf-8" if codecs.lookup(stream.encoding).name == "ascii" else None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def needs_directory() -> None:
    """Raises InputFault when the working directory is gone: names of files mean nothing there."""
    try:
        Path.cwd()
    except OSError as error:
        raise InputFault(
            msg("The working directory is gone."), next_step=msg("cd to another directory.")
        ) from error


def in_the_way(error: OSError) -> OpsbookError | None:
    """What to tell about a file, directory or disk that stands in the way; None: our own bug."""
    if error.errno not in _IN_THE_WAY:
        return None
    if error.errno in (errno.EACCES, errno.EPERM) and error.filename is not None:
        foreign = _state_of_another(Path(os.fsdecode(error.filename)))
        if foreign is not None:
            return foreign
    reason = error.strerror or str(error)
    if error.filename is None:
        problem = msg("What opsbook writes cannot be written: {reason}.", reason=reason)
    else:
        problem = msg("{file} cannot be used: {reason}.", file=error.filename, reason=reason)
    return InputFault(
        problem,
        next_step=msg("Mend that and try again; opsbook records list shows what was begun."),
    )


def _state_of_another(file: Path) -> OpsbookError | None:
    """What to tell when ``file`` lies in a state directory that belongs to somebody else."""
    from opsbook.model.places import Places, of_another

    state = Places.from_env().root
    return of_another(state) if file.is_relative_to(state) else None


def finish(code: int) -> int:
    """The exit code once all output is out; output that nobody reads any more is no trouble."""
    from opsbook.cli.show import complain

    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence()
    except OSError as error:
        _silence()
        trouble = in_the_way(error)
        if trouble is not None and code == Exit.DONE:
            complain(trouble)
            return trouble.exit
    return code


def _silence() -> None:
    """Point standard output to /dev/null, so that Python's last flush does not fail again."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
