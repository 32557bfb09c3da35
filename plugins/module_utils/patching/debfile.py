"""Debian archive files: what is in their control part, and our own made of what is installed.

deb(5): an ar(1) archive of ``debian-binary``, ``control.tar.gz`` and ``data.tar.gz``.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import subprocess
import tarfile
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import (
    Refused,
    environment,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import dpkg
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.deb822 import (
    Paragraph,
    paragraphs,
)

_NOT_CONTROL = (
    "Status", "Conffiles", "Config-Version", "Triggers-Pending", "Triggers-Awaited",
)  # fmt: skip
_MAY_BE_LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/locale/")
STUB = b"# The text of this file as it was delivered was not kept; the host's own text was.\n"
_ALIASES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")


def control_of(path: str) -> dict[str, bytes]:
    """The control files of an archive file by name: control, conffiles, md5sums ... May refuse."""
    done = subprocess.run(
        ["dpkg-deb", "--ctrl-tarfile", path],
        capture_output=True, check=False, env=environment(),
    )  # fmt: skip
    if done.returncode:
        raise Refused(f"{os.path.basename(path)} is no Debian package. Nothing was installed.")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is not None:
                found[os.path.basename(member.name)] = stream.read()
    return found


def fields_of(control: t.Mapping[str, bytes]) -> Paragraph:
    """The fields of a control file."""
    text = control.get("control", b"").decode("utf-8", "replace")
    return next(paragraphs(text), {})


def conffiles_in(control: t.Mapping[str, bytes]) -> list[str]:
    """Paths that an archive file declares as conffiles."""
    lines = control.get("conffiles", b"").decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("/")]


def is_installed(key: str, control: t.Mapping[str, bytes]) -> bool:
    """Whether this archive file brought the files that are installed, by the sums it carries."""
    sums = control.get("md5sums")
    try:
        with open(dpkg.info(key, "md5sums"), "rb") as stream:
            return sums is None or sorted(stream.read().split()) == sorted(sums.split())
    except OSError:
        return True


def repack(key: str, fields: Paragraph, path: str) -> None:
    """Make an archive file at ``path`` of an installed package. Refuses when files are missing.

    A conffile that was changed here is not what was delivered: a note stands in its place, so that
    dpkg keeps the host's own text and goes on knowing that it is the host's own.
    """
    with open(path + ".data", "wb") as stream:
        _write_data(key, fields, stream)
    control = _control(key, fields)
    with open(path, "wb") as stream:
        stream.write(b"!<arch>\n")
        _member(stream, "debian-binary", io.BytesIO(b"2.0\n"), 4)
        _member(stream, "control.tar.gz", io.BytesIO(control), len(control))
        with open(path + ".data", "rb") as data:
            _member(stream, "data.tar.gz", data, os.path.getsize(path + ".data"))
    os.unlink(path + ".data")


def _member(stream: t.IO[bytes], name: str, data: t.IO[bytes], size: int) -> None:
    stream.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{size:<10}`\n".encode())
    shutil.copyfileobj(data, stream)
    if size % 2:
        stream.write(b"\n")


@contextlib.contextmanager
def _packed(stream: t.IO[bytes]) -> t.Iterator[tarfile.TarFile]:
    """A tar archive, quickly compressed, as old releases of dpkg read it."""
    packed = gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1, mtime=0)
    with packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        yield archive


def _control(key: str, fields: Paragraph) -> bytes:
    text = "".join(f"{k}: {v}\n" for k, v in fields.items() if k not in _NOT_CONTROL)
    buffer = io.BytesIO()
    with _packed(buffer) as archive:
        _add_bytes(archive, "./control", text.encode(), 0o644)
        for kind, path in _control_files(key):
            with open(path, "rb") as stream:
                _add_bytes(archive, "./" + kind, stream.read(), os.stat(path).st_mode & 0o777)
    return buffer.getvalue()


def _control_files(key: str) -> t.Iterator[tuple[str, str]]:
    """What dpkg keeps of the control part beside the fields: scripts, triggers, sums."""
    directory = dpkg.ADMIN + "/info"
    for prefix in {key, key.partition(":")[0]}:
        for name in dpkg.names(directory):
            stem, _, kind = name.rpartition(".")
            if stem == prefix and kind != "list":
                yield kind, os.path.join(directory, name)


def _write_data(key: str, fields: Paragraph, stream: t.IO[bytes]) -> None:
    paths = dpkg.files(key)
    changed = set(dpkg.changed_conffiles(fields))
    diverted = dpkg.diversions()
    name = key.partition(":")[0]
    summed = _summed(key) or set(paths)
    with _packed(stream) as archive:
        for path in paths:
            if path in changed:
                _add_bytes(archive, "." + path, STUB, 0o644)
                continue
            other, keeper = diverted.get(path, (path, name))
            place = path if keeper == name else other
            _add_installed(archive, path, place, paths, summed)


def _summed(key: str) -> set[str]:
    """Paths of the files that the package has sums of; empty when it has none."""
    try:
        with open(dpkg.info(key, "md5sums"), encoding="utf-8", errors="surrogateescape") as stream:
            return {"/" + line.partition("  ")[2].rstrip("\n") for line in stream}
    except OSError:
        return set()


def _add_installed(
    archive: tarfile.TarFile,
    path: str,
    place: str,
    paths: t.Sequence[str],
    summed: t.Collection[str],
) -> None:
    member_name = "./" if path == "/." else "." + path
    if not os.path.lexists(place):
        if path.startswith(_MAY_BE_LEFT_OUT):
            return  # dpkg.cfg(5), path-exclude
        if path not in summed:
            return  # a directory or link that is not there now either
        raise Refused(f"{path} is missing")
    member = archive.gettarinfo(place, arcname=member_name)
    if member is None:
        raise Refused(f"{path} is a socket")
    if member.issym() and _stands_for_directory(path, paths):
        member.type, member.linkname, member.mode = tarfile.DIRTYPE, "", 0o755
    member.name = member_name
    if member.isreg():
        with open(place, "rb") as content:
            archive.addfile(member, content)
    else:
        archive.addfile(member)


def _stands_for_directory(path: str, paths: t.Sequence[str]) -> bool:
    """A link that the package has as a directory: /bin on a merged system, or with files below."""
    return path in _ALIASES or any(other.startswith(path + "/") for other in paths)


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), mode
    member.uname = member.gname = "root"
    archive.addfile(member, io.BytesIO(data))
