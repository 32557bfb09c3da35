"""Small files of our own: readable by the owner only, whole or not there at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from opsbook.model.places import private


def write_private(file: Path, text: str) -> None:
    """Write ``file`` with mode 0600 by renaming, so that any number of writers may do so at once.

    Raises OSError when that cannot be done; what was there before then stays.
    """
    private(file.parent)
    descriptor, part = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(part).replace(file)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
