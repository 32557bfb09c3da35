"""Backing up and restoring opsbook's own state: ledger, keys, catalogues of logs, findings.

A restore never loses what it replaces: that is moved to ``replaced-<time>/``. While files are
being exchanged ``restore.pending`` stands in the state directory; a crash then leaves it there and
the ledger stays closed until the restore is done again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from opsbook import __version__
from opsbook.ledger import sqlite
from opsbook.ledger.audit import audit
from opsbook.ledger.listing import open_reader
from opsbook.ledger.process import share_state
from opsbook.ledger.schema import PENDING
from opsbook.ledger.verdict import Verdict
from opsbook.model.clock import Clock, stamp
from opsbook.model.errors import InputFault, IntegrityFault, OpsbookError, Refused
from opsbook.model.message import Message, msg
from opsbook.model.places import Places, private
from opsbook.state import archive
from opsbook.state.later import keep_numbers_free
from opsbook.text import translate

_TOKENS_LEFT_FREE = 1_000_000
"""By how much fencing tokens go up in a restore, so that none that was given out later than the
backup can ever be the current one again."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was backed up, and whether the ledger in it verifies."""

    manifest: archive.Manifest
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored; ``aside`` is where the former state lies, if there was one.

    ``numbers`` are numbers of runs and changes behind which new ones go on, because they were
    given out after the backup was made; ``guessed`` when nothing here knows which they were.
    """

    manifest: archive.Manifest
    verdict: Verdict
    aside: Path | None
    numbers: tuple[str, ...]
    guessed: bool


def back_up(places: Places, clock: Clock, target: Path) -> Backup:
    """Write a consistent copy of the state while it may be in use.

    Raises Refused when ``target`` exists, UsageFault when there is no state yet.
    """
    if target.exists():
        raise Refused(
            msg("{path} exists already.", path=target), untouched=msg("It was left untouched.")
        )
    with open_reader(places.ledger) as reader:
        schema = reader.schema
    lock = share_state(places.root)
    try:
        with _staging(places, "backup") as stage:
            _collect(places, stage)
            verdict, _ = audit(Places(stage))
            about = {"opsbook": __version__, "made": stamp(clock.now()), "schema": schema}
            manifest = archive.describe(stage, about)
            with _writable(target):
                archive.write(target, stage, manifest)
        return Backup(manifest, verdict)
    finally:
        os.close(lock)


def restore(places: Places, clock: Clock, source: Path, *, replace: bool = False) -> Restored:
    """Put a backup in the place of the state.

    Raises Busy while any opsbook uses the state, IntegrityFault when the backup or the ledger in
    it does not verify, Refused when the state here is newer or another one and ``replace`` was
    not asked for.
    """
    if not source.is_file():
        raise InputFault(msg("There is no file {path}.", path=source))
    private(places.root)
    lock = share_state(places.root, alone=True)
    try:
        _sweep(places)
        with _staging(places, "restore") as stage:
            manifest = archive.unpack(source, stage)
            _must_verify(Places(stage))
            if not replace:
                _refuse_loss(places, Places(stage))
            _free_tokens(Places(stage))
            kept = keep_numbers_free(places, Places(stage), clock.now())
            aside = _exchange(places, stage, manifest, stamp(clock.now()))
        return Restored(manifest, _must_verify(places), aside, kept.told(), kept.guessed)
    finally:
        os.close(lock)


def _collect(places: Places, stage: Path) -> None:
    with sqlite.explained(places.ledger):
        sqlite.copy(places.ledger, stage / "ledger.db")
    if places.keys.is_dir():
        private(stage / "keys")
        for path in sorted(places.keys.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                shutil.copy2(path, stage / "keys" / path.name)
    for path in _catalogues(places):
        target = stage / path.relative_to(places.root)
        private(target.parent)
        with sqlite.explained(path):
            sqlite.copy(path, target)


def _catalogues(places: Places) -> list[Path]:
    """Databases beside the ledger: catalogues of logs, and findings, whose files may be gone."""
    findings = [places.findings] if places.findings.exists() else []
    return sorted((places.root / "logs").glob("*/catalogue.db")) + findings


def _must_verify(places: Places) -> Verdict:
    verdict, _ = audit(places)
    if verdict.bad is not None:
        raise IntegrityFault(
            msg("The ledger of the backup does not verify: {problem}",
                problem=translate(verdict.bad.problem)),
            untouched=msg("The state in {path} was left untouched.", path=places.root),
        )  # fmt: skip
    return verdict


def _refuse_loss(here: Places, stage: Places) -> None:
    """Going forward along the same chain loses nothing; anything else has to be asked for."""
    problem = _loss(here, stage)
    if problem is not None:
        raise Refused(
            problem,
            untouched=msg("The state in {path} was left untouched.", path=here.root),
            next_step=msg("With --replace it is moved aside and the backup takes its place."),
        )


def _loss(here: Places, stage: Places) -> Message | None:
    if here.ledger.exists():
        try:
            problem = _ledger_loss(here, stage)
        except OpsbookError as error:
            return error.problem
        if problem is not None:
            return problem
    for path in [*_kept_keys(here), *_catalogues(here)]:
        new = stage.root / path.relative_to(here.root)
        if not new.exists() or _content(path) != _content(new):
            return msg("{path} is not what the backup holds.", path=path)
    return None


def _ledger_loss(here: Places, stage: Places) -> Message | None:
    with open_reader(here.ledger) as reader:
        ledger, last = reader.meta("ledger"), reader.last_event()
    with open_reader(stage.ledger) as reader:
        if reader.meta("ledger") != ledger:
            return msg("The ledger here is another one than that of the backup.")
        if last is None:
            return None
        same = next(reader.events(after=last.seq - 1), None)
    if same is None:
        return msg("The ledger here is newer than the backup, which ends before event {seq}.",
                   seq=last.seq)  # fmt: skip
    if same.hash != last.hash:
        return msg("The ledger here and that of the backup tell different histories.")
    return None


def _kept_keys(places: Places) -> list[Path]:
    return sorted(places.keys.iterdir()) if places.keys.is_dir() else []


def _content(path: Path) -> bytes:
    """A digest of what is in a file; of a database, of its rows, however they lie in it."""
    if path.suffix != ".db":
        return sha256(path.read_bytes()).digest()
    found = sha256()
    with sqlite.explained(path):
        for statement in sqlite.dump(path):
            found.update(statement.encode("utf-8", "surrogateescape") + b"\0")
    return found.digest()


def _free_tokens(stage: Places) -> None:
    with sqlite.explained(stage.ledger):
        sqlite.raise_tokens(stage.ledger, _TOKENS_LEFT_FREE)


def _exchange(places: Places, stage: Path, manifest: archive.Manifest, now: str) -> Path | None:
    """Move the former files aside and the new ones into their places."""
    pending = places.root / PENDING
    pending.touch(mode=0o600)
    _sync(places.root)
    aside = places.root / f"replaced-{now.replace(':', '')}"
    moved = [_aside(path, places.root, aside) for path in _former(places)]
    for name in manifest["files"]:
        target = places.root / name
        private(target.parent)
        (stage / name).rename(target)
        _sync(target.parent)
    pending.unlink()
    _sync(places.root)
    return aside if moved else None


def _former(places: Places) -> list[Path]:
    """Everything a restore replaces, with the write-ahead logs that belong to it."""
    databases = [places.ledger, *_catalogues(places)]
    files = [Path(f"{path}{end}") for path in databases for end in ("", "-wal", "-shm")]
    return [path for path in [*files, *_kept_keys(places)] if path.exists()]


def _aside(path: Path, root: Path, aside: Path) -> Path:
    target = aside / path.relative_to(root)
    private(target.parent)
    path.rename(target)
    return target


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _staging(places: Places, duty: str) -> Iterator[Path]:
    """A private directory beside the state, so that files can be renamed into it."""
    with tempfile.TemporaryDirectory(prefix=f".{duty}-", dir=places.root) as directory:
        yield Path(directory)


def _sweep(places: Places) -> None:
    """Remove what a killed backup or restore left; nobody else is at work."""
    for duty in ("backup", "restore"):
        for left in places.root.glob(f".{duty}-*"):
            shutil.rmtree(left)


@contextmanager
def _writable(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputFault(
            msg("{path} cannot be written: {reason}.", path=target, reason=error.strerror)
        ) from error
