"""Bringing an .ics file to an estate: the bytes that were checked are the bytes that are kept."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from opsbook.calendars.days import Freeze
from opsbook.calendars.ics import MOST_BYTES, read_ics
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.estate import Estate
from opsbook.model.message import msg

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.ics")


def import_ics(file: Path, estate: Estate) -> tuple[Path, list[Freeze]]:
    """Check ``file`` and put it beside ``estate.yml``, in place of one of its name.

    Gives where it is now and the freezes in it. Raises UsageFault when there is no such file or
    its name cannot be kept, InputFault with every fault of its content; nothing is written then.
    """
    if not file.is_file():
        raise UsageFault(msg("There is no file {file}.", file=file))
    if not _NAME.fullmatch(file.name):
        raise UsageFault(
            msg("{name} cannot be kept under its name.", name=file.name),
            untouched=msg("Nothing was imported."),
            next_step=msg("Name it with letters, digits and dashes, ending in .ics."),
        )
    read_ics(file, estate.zone)
    place = estate.directory / file.name
    try:
        return place, _put(file, place, estate)
    except OSError as error:
        raise InputFault(
            msg("{path} cannot be written: {reason}.", path=place, reason=error.strerror),
            untouched=msg("Nothing was imported."),
        ) from error


def _put(file: Path, place: Path, estate: Estate) -> list[Freeze]:
    with file.open("rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=place.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        freezes = read_ics(part, estate.zone)
        part.chmod(0o644)
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return freezes
