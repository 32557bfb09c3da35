"""Putting a tracker extract in force, with the proof in the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from opsbook.domains.patching.knowledge.store import Extract, Knowledge, sha256_of
from opsbook.domains.patching.knowledge.tracker import Tracked, not_a_tracker, read_tracker
from opsbook.ledger.port import Ledger
from opsbook.model.errors import InputFault, Refused
from opsbook.model.event import NewEvent
from opsbook.model.message import msg

KIND = "patching.tracker_imported"
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})", re.ASCII)


def import_tracker(
    path: Path,
    *,
    store: Knowledge,
    ledger: Ledger,
    now: datetime,
    sha256: str | None = None,
    made: datetime | None = None,
) -> Extract:
    """Read ``path`` and put it in force; event ``patching.tracker_imported``.

    ``sha256`` is what the file must have; ``made`` of when its content is, by default the file's
    own time. An extract older than the one in force is refused: what was closed would open again.
    Raises InputFault, Refused, OSError; then what was in force stays.
    """
    found = sha256_of(path)
    if sha256 is not None:
        _check(path, found, sha256)
    status = path.stat()
    of_when = min(now, made or datetime.fromtimestamp(status.st_mtime, UTC))
    _refuse_older(store, of_when)
    extract = Extract(path.name, found, status.st_size, of_when, now, 0, (), True)
    kept = store.replace_tracker(extract, _facts(path))
    ledger.append([NewEvent(KIND, payload=kept.to_json())])
    return kept


def _facts(path: Path) -> Iterator[Tracked]:
    """What the file says; a file that says nothing is no tracker."""
    none = True
    for fact in read_tracker(path):
        none = False
        yield fact
    if none:
        raise not_a_tracker(path, msg("it names no CVE"))


def _check(path: Path, found: str, wanted: str) -> None:
    match = _SHA256.fullmatch(wanted.strip())
    if match is None:
        raise InputFault(
            msg("{value} is no SHA-256: it has 64 hexadecimal digits.", value=wanted),
            untouched=msg("Nothing was imported."),
        )
    if match.group(1).lower() != found:
        raise InputFault(
            msg("{file} has the SHA-256 {found} and not {wanted}.",
                file=path, found=found, wanted=match.group(1).lower()),
            untouched=msg("The extract that was in force before stays in force."),
            next_step=msg("Fetch it again."),
        )  # fmt: skip


def _refuse_older(store: Knowledge, made: datetime) -> None:
    in_force = [extract for extract in store.extracts() if extract.in_force]
    if in_force and made < in_force[-1].made:
        raise Refused(
            msg("The extract in force is of {newer} and this one of {older}.",
                newer=in_force[-1].made.date(), older=made.date()),
            untouched=msg("The extract that was in force before stays in force."),
            next_step=msg("Fetch a newer one, or say with --made of when this one is."),
        )  # fmt: skip
