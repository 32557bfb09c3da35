"""The archive's own chain: its key signs the Release, that names the indexes, these the packages.

``gpgv`` (gpgv(1)) gives back exactly the bytes that were signed; nothing else of an InRelease is
read.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from opsbook.domains.patching.bundle.index import Release, read_packages, read_release
from opsbook.domains.patching.bundle.manifest import Archive
from opsbook.model.clock import stamp
from opsbook.model.errors import Refused
from opsbook.model.message import Message, msg

DISTRIBUTION_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_INDEX_NAMES = ("Packages.xz", "Packages.gz", "Packages")
_SECONDS = 60.0
_BEGIN, _SIGNATURE = b"-----BEGIN PGP SIGNED MESSAGE-----\n", b"\n-----BEGIN PGP SIGNATURE-----\n"


def signed_release(file: Path, keyrings: Sequence[Path]) -> Release:
    """What a key of ``keyrings`` signed in an InRelease file. Raises Refused.

    Every signature in it must be good, and it must be one message with nothing around it: what
    gpgv gives back of several would be of unclear origin.
    """
    _text(file)
    words = ["gpgv", "--quiet", "--output", "-"]
    for keyring in keyrings:
        words += ["--keyring", str(keyring.absolute())]
    try:
        done = subprocess.run(
            [*words, "--", str(file.absolute())], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise _untrusted(file, msg("there is no gpgv on this machine")) from error
    except subprocess.TimeoutExpired as error:
        raise _untrusted(file, msg("gpgv did not end")) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _untrusted(file, msg("gpgv says: {output}", output=said[-1][:200] if said else "-"))
    return _release(file, done.stdout)


def unchecked_release(file: Path) -> Release:
    """The same without a keyring: what stands in the clear-signed text. Raises Refused.

    Only for machines without the archive's keyring; the bundle's own signature then vouches.
    """
    return _release(file, _text(file))


def index_of(release: Release, component: str, arch: str) -> str:
    """The path of the index below the suite, in the smallest form that the archive has.

    Raises KeyError when it has none.
    """
    for name in _INDEX_NAMES:
        path = f"{component}/binary-{arch}/{name}"
        if path in release.hashes:
            return path
    raise KeyError(component)


def check_chain(
    tree: Path, archive: Archive, release: Release, names: Collection[str]
) -> Mapping[str, tuple[str, int]]:
    """The packages of these ``names`` (path in the tree -> SHA-256, bytes) the archive vouches for.

    Checks that the suite is what the manifest says and its indexes what the Release says. Raises
    Refused.
    """
    until = stamp(release.valid_until) if release.valid_until else None
    said = (archive.codename, archive.label, archive.origin, archive.date, archive.valid_until)
    signed = (release.codename, release.label, release.origin, stamp(release.date), until)
    if said != signed:
        raise _broken(archive.release, msg("it is of another archive than the manifest says"))
    found: dict[str, tuple[str, int]] = {}
    for component in archive.components:
        for arch in archive.archs:
            file = _checked_index(tree, archive, release, component, arch)
            with open_index(file) as lines:
                for one in read_packages(lines, names):
                    found[f"{archive.root}/{one.filename}"] = (one.sha256, one.size)
    return found


@contextmanager
def open_index(file: Path) -> Iterator[IO[str]]:
    """An index as lines of text. Raises OSError, lzma.LZMAError, EOFError on a damaged one."""
    if file.suffix == ".xz":
        with lzma.open(file, "rt", encoding="utf-8", errors="replace") as lines:
            yield lines
    elif file.suffix == ".gz":
        with gzip.open(file, "rt", encoding="utf-8", errors="replace") as lines:
            yield lines
    else:
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield lines


def sha256_of(file: Path) -> str:
    """SHA-256 in hex. Raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checked_index(
    tree: Path, archive: Archive, release: Release, component: str, arch: str
) -> Path:
    suite = f"{archive.root}/dists/{archive.suite}"
    try:
        path = index_of(release, component, arch)
    except KeyError as error:
        raise _broken(archive.release, msg("it names no index of {component}",
                                           component=f"{component}/{arch}")) from error  # fmt: skip
    file = tree / suite / path
    if not file.is_file() or sha256_of(file) != release.hashes[path][0]:
        raise _broken(f"{suite}/{path}", msg("it is not what the archive signed"))
    return file


def _text(file: Path) -> bytes:
    """The text of a clear-signed message (RFC 9580, 7), whoever signed it. Raises Refused."""
    data = file.read_bytes()
    if not (data.startswith(_BEGIN) and data.count(_BEGIN) == 1 and data.count(_SIGNATURE) == 1):
        raise _untrusted(file, msg("it is not one signed message"))
    return data.partition(b"\n\n")[2].partition(_SIGNATURE)[0]


def _release(file: Path, text: bytes) -> Release:
    try:
        return read_release(text.decode("utf-8", "replace"))
    except ValueError as error:
        raise _untrusted(file, msg("its date or its hashes are missing")) from error


def _untrusted(file: Path, reason: Message) -> Refused:
    return Refused(
        msg("The archive's signature in {file} does not hold: {reason}.",
            file="/".join(file.parts[-3:]), reason=reason),
        untouched=msg("Nothing was imported."),
        next_step=msg("An archive that is not Debian's own needs --keyring FILE."),
    )  # fmt: skip


def _broken(path: str, reason: Message) -> Refused:
    return Refused(
        msg("{path} in the bundle does not belong there: {reason}.", path=path, reason=reason),
        untouched=msg("Nothing was imported."),
    )
