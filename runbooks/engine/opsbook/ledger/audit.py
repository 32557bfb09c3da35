"""Verify a ledger where it lies, or a copy of it, against every witness that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from opsbook.ledger.claims import WitnessLines
from opsbook.ledger.listing import open_reader
from opsbook.ledger.signing import PUBLIC_NAME, public_keys
from opsbook.ledger.verdict import Verdict
from opsbook.ledger.verify import verify
from opsbook.ledger.witness import FileWitness, describe, place_of, read_lines
from opsbook.model.errors import InputFault
from opsbook.model.estate import Witness
from opsbook.model.message import Message, msg
from opsbook.model.places import Places


def audit(
    places: Places,
    *,
    ledger: Path | None = None,
    key: Path | None = None,
    files: Sequence[Path] = (),
    witnesses: Sequence[Witness] = (),
) -> tuple[Verdict, list[Message]]:
    """Verify the ledger of ``places``, or the copied file ``ledger`` with the public ``key``.

    ``files`` hold exported witness lines. Gives the verdict, and which of ``witnesses`` could
    not be read. Raises InputFault when a named file cannot be read.
    """
    own_key = places.keys / PUBLIC_NAME
    keys = public_keys(key) if key else public_keys(*([own_key] if own_key.exists() else []))
    lines = [_from_file(path) for path in files]
    unread = []
    for witness in witnesses:
        try:
            lines.append(
                WitnessLines(describe(witness), tuple(read_lines(place_of(witness).lines())))
            )
        except (OSError, ValueError) as error:
            unread.append(
                msg("The witness {witness} could not be read: {reason}",
                    witness=describe(witness), reason=str(error))
            )  # fmt: skip
    with open_reader(ledger or places.ledger, copied=ledger is not None) as reader:
        return verify(reader, keys, lines), unread


def _from_file(path: Path) -> WitnessLines:
    try:
        return WitnessLines(str(path), tuple(read_lines(FileWitness(path).lines())))
    except OSError as error:
        raise InputFault(
            msg("The witness lines {path} cannot be read: {reason}.",
                path=path, reason=error.strerror)
        ) from error  # fmt: skip
