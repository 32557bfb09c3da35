"""Importing a bundle: who signed it, every hash, the archive's chain, its age; then all at once.

1. The manifest's signature is checked against the estate's ``bundle_signers``. Nothing else of the
   file is looked at before.
2. Each member must be the next file of the manifest, with its size and hash; files left out are
   taken from the bundle it builds on and hashed again.
3. Each Release must be signed by the archive, each index be named by it, each package by an index.
4. No archive may have passed its Valid-Until, be older than the one in use, or be of the future.
5. The new version becomes the current one by a rename, and the import is recorded.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from opsbook.approval.signatures import Signatures, SignedBy
from opsbook.domains.patching.bundle import chain, tape
from opsbook.domains.patching.bundle.manifest import (
    Archive,
    File,
    Manifest,
    identity,
    read_manifest,
)  # fmt: skip
from opsbook.domains.patching.bundle.store import NOTE, Repository, manifest_of
from opsbook.domains.patching.bundle.tape import Tape
from opsbook.execution.privatefile import write_private
from opsbook.model.clock import stamp, unstamp
from opsbook.model.errors import InputFault, IntegrityFault, Refused
from opsbook.model.message import Message, msg

_AHEAD = timedelta(days=1)
"""By how much an archive's clock may be ahead of ours."""
_LEFT_FREE = 64 * 2**20
"""Bytes that must stay free on the disk of the state directory."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom an estate believes: ``signers`` (allowed_signers form), the archives' ``keyrings``.

    Without keyrings the archives' own signatures are not checked here, and that is recorded.
    """

    signers: str
    keyrings: Sequence[Path]
    signatures: Signatures


@dataclass(frozen=True, slots=True)
class Arrived:
    """An imported bundle; ``new`` is False when it was in use already."""

    identity: str
    version: Path
    manifest: Manifest
    note: dict[str, Any]
    new: bool


def bring_in(
    file: Path,
    repository: Repository,
    trust: Trust,
    now: datetime,
    by: dict[str, Any],
    *,
    stale_reason: str = "",
) -> Arrived:
    """Import ``file``; ``stale_reason`` accepts archives that are stale, and says why.

    Raises Refused, InputFault, IntegrityFault, Busy; then nothing was imported.
    """
    try:
        with repository.importing() as incoming, tape.open_tape(file) as opened:
            data, signature = tape.head(opened)
            signed_by = _signed(data, signature, trust, now)
            manifest, name = read_manifest(data), identity(data)
            there = repository.version(name)
            if there:
                return _again(repository, there, manifest, now, by, stale_reason)
            _receive(opened, manifest, repository, incoming)
            _check_archives(incoming, manifest, trust)
            stale = _age(manifest.archives, repository, now, stale_reason)
            note = _note(name, manifest, signed_by, now, by) | _accepted(stale, stale_reason)
            note["archive_checked"] = bool(trust.keyrings)
            _finish(incoming, data, signature, note)
            return Arrived(name, repository.adopt(incoming, name), manifest, note, new=True)
    except OSError as error:
        raise InputFault(
            msg("The bundle cannot be kept in {directory}: {reason}",
                directory=repository.root, reason=error.strerror or error),
            untouched=msg("The repository is as it was."),
            next_step=msg("Make room there and import again."),
        ) from error  # fmt: skip


def _signed(data: bytes, signature: str, trust: Trust, now: datetime) -> SignedBy:
    for principal in trust.signatures.principals(signature, trust.signers, now):
        return trust.signatures.verify(data, signature, trust.signers, principal, now)
    raise Refused(
        msg("Nobody whom the estate's bundle_signers names has signed this bundle."),
        untouched=msg("Nothing was imported."),
        next_step=msg("Add the signer's key to bundle_signers, if you know it to be right."),
    )


def _again(
    repository: Repository,
    there: Path,
    manifest: Manifest,
    now: datetime,
    by: dict[str, Any],
    stale_reason: str,
) -> Arrived:
    """A bundle that is kept already: made current, unless that would be a step back."""
    note = json.loads((there / NOTE).read_bytes())
    if there == repository.current():
        return Arrived(there.name, there, manifest, note, new=False)
    stale = _age(manifest.archives, repository, now, stale_reason)
    note |= {"imported": stamp(now), "by": by} | _accepted(stale, stale_reason)
    write_private(there / NOTE, json.dumps(note))
    repository.switch(there.name)
    return Arrived(there.name, there, manifest, note, new=True)


def _receive(opened: Tape, manifest: Manifest, repository: Repository, incoming: Path) -> None:
    carried = manifest.carried
    base = _base(manifest, repository)
    if shutil.disk_usage(incoming).free < sum(one.size for one in carried) + _LEFT_FREE:
        raise Refused(
            msg("The bundle needs {size} MB; there is less room in {directory}.",
                size=round(sum(one.size for one in carried) / 1e6, 1), directory=repository.root),
            untouched=msg("Nothing was imported."),
        )  # fmt: skip
    for one in carried:
        member = opened.next()
        if member != (one.path, one.size):
            raise _other_than(one.path, member[0] if member else "-")
        _write(opened, one, incoming)
    extra = opened.next()
    if extra:
        raise _other_than("-", extra[0])
    for one in manifest.files:
        if not one.carried and base:
            _take_over(one, base, incoming)


def _base(manifest: Manifest, repository: Repository) -> Path | None:
    if manifest.since is None:
        return None
    base = repository.version(manifest.since)
    if base is None:
        raise Refused(
            msg("This bundle builds on bundle {bundle}, which is not here.",
                bundle=manifest.since[:12]),
            untouched=msg("Nothing was imported."),
            next_step=msg("Import that one first, or have this one made without --since."),
        )  # fmt: skip
    return base


def _write(opened: Tape, one: File, incoming: Path) -> None:
    digest = hashlib.sha256()
    with _new_file(incoming / one.path) as handle:
        while data := opened.read():
            digest.update(data)
            handle.write(data)
    if digest.hexdigest() != one.sha256:
        raise Refused(
            msg("{path} in the bundle is not what its manifest says.", path=one.path),
            untouched=msg("Nothing was imported."),
            next_step=msg("Copy the file again; if it stays so, somebody changed it."),
        )


def _take_over(one: File, base: Path, incoming: Path) -> None:
    source, target = base / one.path, incoming / one.path
    if not source.is_file() or chain.sha256_of(source) != one.sha256:
        raise IntegrityFault(
            msg("{path} is needed of an earlier bundle and is damaged or missing there.",
                path=source),
            untouched=msg("Nothing was imported."),
            next_step=msg("Have a bundle made without --since and import that."),
        )  # fmt: skip
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.link(source, target)


def _check_archives(tree: Path, manifest: Manifest, trust: Trust) -> None:
    vouched: dict[str, tuple[str, int]] = {}
    debs = [one.path for one in manifest.files if one.kind == "deb"]
    names = {path.rpartition("/")[2].partition("_")[0] for path in debs}
    for archive in manifest.archives:
        file = tree / archive.release
        release = (
            chain.signed_release(file, trust.keyrings)
            if trust.keyrings
            else chain.unchecked_release(file)
        )
        vouched.update(chain.check_chain(tree, archive, release, names))
    for one in manifest.files:
        if one.kind == "deb" and vouched.get(one.path) != (one.sha256, one.size):
            raise Refused(
                msg("{path} in the bundle is not named by the archive it should be from.",
                    path=one.path),
                untouched=msg("Nothing was imported."),
            )  # fmt: skip


def _age(
    archives: Iterable[Archive], repository: Repository, now: datetime, stale_reason: str
) -> list[Message]:
    """What is stale. Raises Refused for it without a reason, and always for the future.

    The dates are those of the Release files: the chain was checked against them.
    """
    current = repository.current()
    in_use = {one.release: one for one in manifest_of(current).archives} if current else {}
    stale = []
    for archive in archives:
        suite = f"{archive.root} {archive.suite}"
        if unstamp(archive.date) > now + _AHEAD:
            raise _of_the_future(suite, archive)
        if archive.valid_until and unstamp(archive.valid_until) < now:
            stale.append(
                msg("{suite} was valid until {moment}", suite=suite, moment=archive.valid_until)
            )
        known = in_use.get(archive.release)
        if known and archive.date < known.date:
            stale.append(msg("{suite} is older than the one in use", suite=suite))
    if stale and not stale_reason:
        raise Refused(
            msg("The bundle is stale: {reason}.", reason=stale[0]),
            untouched=msg("Nothing was imported."),
            next_step=msg(
                "Have a new one made; or --accept-stale --reason TEXT, which is recorded."
            ),
        )
    return stale


def _accepted(stale: Sequence[Message], reason: str) -> dict[str, Any]:
    return {"stale": [one.to_json() for one in stale], "reason": reason if stale else ""}


def _of_the_future(suite: str, archive: Archive) -> Refused:
    return Refused(
        msg("{suite} was made at {moment}, which is later than this machine's clock.",
            suite=suite, moment=archive.date),
        untouched=msg("Nothing was imported."),
        next_step=msg("Set the clock right."),
    )  # fmt: skip


def _note(
    name: str, manifest: Manifest, signed_by: SignedBy, now: datetime, by: dict[str, Any]
) -> dict[str, Any]:
    until = manifest.valid_until
    return {
        "bundle": name,
        "made": manifest.made,
        "since": manifest.since,
        "imported": stamp(now),
        "by": by,
        "signed_by": {"principal": signed_by.principal, "key": signed_by.key},
        "archives": [
            {"archive": one.root, "suite": one.suite, "date": one.date,
             "valid_until": one.valid_until}
            for one in manifest.archives
        ],
        "valid_until": stamp(until) if until else None,
        "packages": sum(one.kind == "deb" for one in manifest.files),
        "bytes": sum(one.size for one in manifest.files),
        "carried_bytes": sum(one.size for one in manifest.carried),
    }  # fmt: skip


def _finish(incoming: Path, data: bytes, signature: str, note: dict[str, Any]) -> None:
    """Beside the files: what proves them, who imported them; indexes by their hashes, too."""
    name_by_hash(incoming)
    small = {tape.MANIFEST: data, tape.SIGNATURE: signature.encode()}
    for name, content in (small | {NOTE: json.dumps(note).encode()}).items():
        with _new_file(incoming / name) as handle:
            handle.write(content)


def name_by_hash(tree: Path) -> None:
    """Give every index its second name ``by-hash/SHA256/...``, which apt asks for.

    So hosts that read a Release still get its indexes when a newer one has come meanwhile.
    """
    for index in sorted(tree.glob("*/dists/**/Packages*")):
        if index.is_file():
            folder = index.parent / "by-hash" / "SHA256"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            target = folder / chain.sha256_of(index)
            if not target.exists():
                os.link(index, target)


def _new_file(path: Path) -> Any:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _other_than(expected: str, found: str) -> InputFault:
    return InputFault(
        msg("The bundle has {found} where its manifest says {expected}.",
            found=found, expected=expected),
        untouched=msg("Nothing was imported."),
        next_step=msg("Copy the file again, or have it made again."),
    )  # fmt: skip
