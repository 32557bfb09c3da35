"""A scanner's file on the disk on its way into the store."""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from opsbook.domains.hardening.reading.intake import Reading, read_file
from opsbook.domains.hardening.store.database import no_room
from opsbook.domains.hardening.store.importing import Arrival, Identity, Intake, Kept
from opsbook.model.clock import Clock
from opsbook.model.errors import InputFault
from opsbook.model.finding import Scan, Seen, Told
from opsbook.model.message import msg

Progress = Callable[[int], None]
_EVERY = 5_000
NOTHING = msg("Nothing of it was imported.")


def import_file(
    path: Path,
    intake: Intake,
    clock: Clock,
    *,
    format: str | None = None,  # noqa: A002 - the word users know
    options: Mapping[str, object] | None = None,
    progress: Progress = lambda rows: None,
) -> Kept:
    """Read ``path`` into the store of ``intake``; ``progress`` hears how much was told so far.

    Raises InputFault when the file cannot be read or no format knows it, UsageFault for a format
    that does not exist, and as :meth:`Intake.keep`; nothing of the file is kept then.
    """
    before = _before(path, intake)
    if before is not None:
        return before
    reading = read_file(path, format=format, options=options)

    def identity() -> Identity:
        if not reading.summary.formats:
            raise _unrecognised(path)
        return Identity(reading.summary.sha256, reading.summary.size)

    told = _counted(reading, progress)
    said = options or {}
    as_root = bool(said.get("as_root"))
    try:
        return intake.keep(
            Arrival(path.name, _privileged(told) if as_root else told, identity,
                    str(said.get("host", "")), as_root),
            clock.now(),
        )  # fmt: skip
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise no_room(Path(tempfile.gettempdir()), str(error.strerror)) from error
        raise InputFault(
            msg("{path} cannot be read: {reason}.", path=path, reason=error.strerror or error),
            untouched=NOTHING,
        ) from error


def _before(path: Path, intake: Intake) -> Kept | None:
    """What became of the very same file, if it was imported; only files of its size are hashed."""
    try:
        if not path.is_file() or path.stat().st_size not in intake.sizes():
            return None
        with path.open("rb") as file:
            return intake.before(hashlib.file_digest(file, "sha256").hexdigest())
    except OSError:
        return None  # reading it tells what is the matter


def _counted(reading: Reading, progress: Progress) -> Iterator[Told]:
    for number, told in enumerate(reading, 1):
        if number % _EVERY == 0:
            progress(number)
        yield told


def _privileged(told: Iterator[Told]) -> Iterator[Told]:
    """With credentials where the scanner tells nothing of them: people say that it was root."""
    for one in told:
        if isinstance(one, (Scan, Seen)) and one.credentialed is None:
            yield replace(one, credentialed=True)
        else:
            yield one


def _unrecognised(path: Path) -> InputFault:
    return InputFault(
        msg("{path} is of no format that is known.", path=path),
        untouched=NOTHING,
        next_step=msg("Name its format with --format, or describe its columns with --mapping."),
    )
