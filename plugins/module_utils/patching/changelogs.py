"""Changelogs of newer versions, read from their package files, which are fetched for that only."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import tarfile
import tempfile
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import environment
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import aptwork
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.aptoffers import deb_name

SCHEMA = "opsbook.patching-changelogs/1"
MOST_BYTES = 200 * 1024
"""What is kept of a changelog; the newest entries come first."""

_ENTRY = re.compile(r"^(?:[a-z0-9][a-z0-9+.-]* \([^)]*\) [^;\n]*;|\* )", re.MULTILINE)
"""What opens an entry in Debian's form and in that of RPM."""

Asked = t.Mapping[str, str]
"""``package``, ``arch``, ``version``, ``source``, ``source_version``."""


Texts = t.Tuple[t.List[t.Optional[bytes]], str]  # noqa: UP045 (Python 3.8)
"""What each one asked for has: None where there is no package file, empty where there is none in
it; and why files could not be had."""


def read_changelogs(own: t.Any, asked: t.Sequence[Asked]) -> dict[str, t.Any]:
    """Evidence: the newest part of each changelog, and which could not be had and why.

    ``own`` is the host's package manager.
    """
    with tempfile.TemporaryDirectory(prefix="opsbook-changelogs-") as directory:
        found, why = own.changelogs(asked, directory) if asked else ([], "")
    texts = [None if data is None else cut(data) for data in found]
    named = [(_named(one), text) for one, text in zip(asked, texts)]
    return {
        "schema": SCHEMA,
        "changelogs": [dict(name, text=text) for name, text in named if text],
        "missing": [dict(name, why=_why(text, why)) for name, text in named if not text],
    }


def _named(one: Asked) -> dict[str, str]:
    return {"source": one["source"], "source_version": one["source_version"]}


def _why(text: str | None, why: str) -> str:
    return why if text is None else "its package has no changelog"


def of_debs(asked: t.Sequence[Asked], directory: str) -> Texts:
    """Fetched by apt into ``directory``."""
    words = [f"{one['package']}:{one['arch']}={one['version']}" for one in asked]
    done = aptwork.download(words, directory)
    why = done.words if done.status else "the archive has no such file"
    return [_of_deb(directory, one) for one in asked], why


def _of_deb(directory: str, one: Asked) -> bytes | None:
    path = os.path.join(directory, deb_name(one["package"], one["version"], one["arch"]))
    if not os.path.isfile(path):
        return None
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as unpacking:
        try:
            return _member(unpacking.stdout, one["package"])
        finally:
            unpacking.kill()


def _member(stream: t.Any, package: str) -> bytes:
    """The first bytes of the package's changelog; hostile archives only ever give bytes."""
    home = f"./usr/share/doc/{package}/changelog"
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if member.isfile() and member.name in (home + ".Debian.gz", home + ".gz"):
                    file = archive.extractfile(member)
                    if file is not None:
                        return gzip.GzipFile(fileobj=file).read(MOST_BYTES)
    except (tarfile.TarError, OSError, EOFError):
        return b""
    return b""


def cut(data: bytes) -> str:
    """Whole entries only, where there are more bytes than are kept."""
    text = data[:MOST_BYTES].decode("utf-8", "replace")
    if len(data) < MOST_BYTES:
        return text
    heads = [match.start() for match in _ENTRY.finditer(text)]
    return text[: heads[-1]] if len(heads) > 1 else text
