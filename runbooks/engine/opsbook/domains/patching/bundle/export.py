"""Making a bundle on the machine with a way out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opsbook.approval.signatures import SshSignatures
from opsbook.domains.patching.bundle import chain, tape
from opsbook.domains.patching.bundle.gather import Gathered, Outside, Say, gather
from opsbook.domains.patching.bundle.manifest import (
    File,
    Manifest,
    beyond,
    identity,
    read_manifest,
)  # fmt: skip
from opsbook.domains.patching.bundle.need import read_need
from opsbook.domains.patching.bundle.outside import apt_of
from opsbook.model.clock import Clock, stamp
from opsbook.model.errors import InputFault, Refused
from opsbook.model.message import msg

NAMESPACE = "opsbook-bundle"
"""What signatures of bundles are made for (ssh-keygen -Y sign -n)."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be exported. ``since``: an earlier bundle or its manifest; ``sources``: archives
    other than those of this machine; ``tracker``: an extract of the security tracker.
    """

    need: Path
    target: Path
    key: Path
    since: Path | None = None
    sources: Path | None = None
    keyrings: Sequence[Path] = ()
    tracker: Path | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """The bundle that was written."""

    identity: str
    manifest: Manifest
    size: int


def export(order: Order, clock: Clock, say: Say) -> Exported:
    """Fetch, describe, sign and write. Raises InputFault, Refused, HostFailed."""
    if order.target.exists():
        raise Refused(msg("{path} exists already.", path=order.target),
                      untouched=msg("It was left untouched."))  # fmt: skip
    if not order.target.absolute().parent.is_dir():
        raise InputFault(msg("There is no directory {directory}.",
                             directory=order.target.absolute().parent))  # fmt: skip
    need_bytes = _read(order.need)
    need = read_need(need_bytes, str(order.need))
    since, earlier = _earlier(order.since)
    folder = order.target.absolute().parent
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=folder) as name:
        tree = Path(name)
        gathered = Gathered()
        for system in need.systems:
            with apt_of(order.sources, tree, system.arch) as apt:
                keyrings = tuple(order.keyrings) or (chain.DISTRIBUTION_KEYRING,)
                outside = Outside(apt, keyrings, tree, say, have=earlier)
                _join(gathered, gather(system, outside))
        _add_tracker(order.tracker, tree, gathered)
        manifest = Manifest(
            schema="opsbook.patching-bundle/1", made=stamp(clock.now()), estate=need.estate,
            need=identity(need_bytes), since=since, archives=tuple(gathered.archives),
            files=beyond(gathered.files.values(), {p: f.sha256 for p, f in earlier.items()}),
        )  # fmt: skip
        return _write(order, manifest, tree)


def _write(order: Order, manifest: Manifest, tree: Path) -> Exported:
    data = manifest.to_bytes()
    signature = SshSignatures(NAMESPACE).sign(data, order.key)
    part = tree / "bundle"
    small = [(tape.MANIFEST, data), (tape.SIGNATURE, signature.encode())]
    tape.write_tape(part, small, [(one.path, tree / one.path) for one in manifest.carried])
    part.chmod(0o644)
    part.rename(order.target)
    return Exported(identity(data), manifest, order.target.stat().st_size)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputFault(
            msg("{file} cannot be read: {reason}", file=file, reason=error.strerror),
            untouched=msg("No bundle was written."),
        ) from error


def _earlier(file: Path | None) -> tuple[str | None, dict[str, File]]:
    """The manifest of an earlier bundle, out of the bundle or as it was kept beside it."""
    if file is None:
        return None, {}
    if file.suffix == ".json":
        data = _read(file)
    else:
        with tape.open_tape(file) as opened:
            data, _ = tape.head(opened)
    return identity(data), {one.path: one for one in read_manifest(data, str(file)).files}


def _join(gathered: Gathered, more: Gathered) -> None:
    by_release = {one.release: one for one in gathered.archives}
    for archive in more.archives:
        known = by_release.get(archive.release)
        archs = tuple(dict.fromkeys([*(known.archs if known else ()), *archive.archs]))
        by_release[archive.release] = archive.model_copy(update={"archs": archs})
    gathered.archives = list(by_release.values())
    gathered.files |= more.files


def _add_tracker(file: Path | None, tree: Path, gathered: Gathered) -> None:
    if file is None:
        return
    path = f"tracker/extract{''.join(s for s in file.suffixes[-2:] if s in _TRACKER_FORMS)}"
    target = tree / path
    target.parent.mkdir()
    target.write_bytes(_read(file))
    gathered.files[path] = File(
        path=path, size=target.stat().st_size, sha256=chain.sha256_of(target), kind="tracker"
    )


_TRACKER_FORMS = (".json", ".gz", ".xz")
