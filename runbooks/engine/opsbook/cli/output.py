"""Writing what a command made: to standard output, or to a file that is never half there."""

from __future__ import annotations

import sys
from pathlib import Path


def write_text(text: str, path: Path | None) -> None:
    """Print ``text``, or write it to ``path`` and print the path. Raises InputFault."""
    write_bytes((text.rstrip("\n") + "\n").encode(), path)


def write_bytes(data: bytes, path: Path | None) -> None:
    """Put ``data`` on standard output, or into ``path`` and print the path. Raises InputFault."""
    if path is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    _write_whole(path, data)
    print(path)


def _write_whole(path: Path, data: bytes) -> None:
    """Nobody ever sees half a document."""
    from opsbook.model.errors import InputFault
    from opsbook.model.message import msg

    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputFault(
            msg("{path} cannot be written: {reason}.", path=path, reason=error.strerror)
        ) from error
