"""A bundle as a file: a tar of plain files (ustar, POSIX.1-1988), compressed by zstd.

Reading is our own and small: only regular files in ustar form exist for it. Long names, links,
devices, sparse files and extended headers, by which archives surprise their readers, are refused.
The manifest and its signature come first, so that everything else is known before it is read.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from opsbook.model.errors import InputFault, OpsbookError
from opsbook.model.message import Message, msg

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
_BLOCK = 512
_CHUNK = 2**20
_LEVEL = 3
_MOST_WINDOW = 128 * 2**20
"""Bytes of memory a bundle may ask of the decompressor."""


def write_tape(
    target: Path, small: Iterable[tuple[str, bytes]], files: Iterable[tuple[str, Path]]
) -> None:
    """Write a bundle: ``small`` contents first, then ``files``, to a file that must not exist.

    Raises OSError.
    """
    import io

    import zstandard

    with target.open("xb") as out:
        writer = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(out, closefd=False)
        with writer, tarfile.open(fileobj=writer, mode="w|", format=tarfile.USTAR_FORMAT) as tape:
            for name, data in small:
                tape.addfile(_info(name, len(data)), io.BytesIO(data))
            for name, path in files:
                with path.open("rb") as stream:
                    tape.addfile(_info(name, path.stat().st_size), stream)


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


class Tape:
    """The members of a bundle, one after the other."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = 0
        self._padding = 0

    def next(self) -> tuple[str, int] | None:
        """Name and size of the next member; None at the end. The last one must be read whole.

        Raises InputFault for anything but a regular file in ustar form.
        """
        if self._left:
            raise ValueError("the member was not read whole")
        self._exactly(self._padding)
        header = self._exactly(_BLOCK)
        if header.count(0) == _BLOCK:
            return None
        try:
            info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise _damaged(msg("a header in it is damaged")) from error
        if header[257:263] != b"ustar\0" or info.type != tarfile.REGTYPE or info.size < 0:
            raise _damaged(msg("it holds {name}, which is not a plain file", name=info.name))
        self._left, self._padding = info.size, -info.size % _BLOCK
        return info.name, info.size

    def read(self, size: int = _CHUNK) -> bytes:
        """Up to ``size`` bytes of the member; empty at its end. Raises InputFault."""
        data = self._some(min(size, self._left))
        self._left -= len(data)
        if not data and self._left:
            raise _damaged(msg("it ends too early"))
        return data

    def whole(self, most: int) -> bytes:
        """The member, when it has at most ``most`` bytes. Raises InputFault."""
        if self._left > most:
            raise _damaged(msg("a part of it is larger than {size} bytes", size=most))
        return b"".join(iter(self.read, b""))

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._some(size - len(data))
            if not more:
                raise _damaged(msg("it ends too early"))
            data += more
        return data

    def _some(self, size: int) -> bytes:
        import zstandard

        try:
            return self._stream.read(size) if size else b""
        except (zstandard.ZstdError, EOFError) as error:
            raise _damaged(msg("it cannot be decompressed")) from error


@contextmanager
def open_tape(file: Path) -> Iterator[Tape]:
    """Open a bundle for reading. Raises InputFault when it cannot be opened."""
    import zstandard

    try:
        raw: BinaryIO = file.open("rb")
    except OSError as error:
        raise InputFault(
            msg("{file} cannot be read: {reason}", file=file, reason=error.strerror),
            untouched=msg("Nothing was imported."),
        ) from error
    with raw:
        decompressor: Any = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
        with decompressor.stream_reader(raw) as stream:
            yield Tape(stream)


def head(tape: Tape) -> tuple[bytes, str]:
    """The bytes of the manifest and its signature. Raises InputFault."""
    from opsbook.domains.patching.bundle.manifest import MOST_BYTES

    found: list[bytes] = []
    for name, most in ((MANIFEST, MOST_BYTES), (SIGNATURE, 65536)):
        member = tape.next()
        if member is None or member[0] != name:
            raise _damaged(msg("{name} is missing at its beginning", name=name))
        found.append(tape.whole(most))
    return found[0], found[1].decode("ascii", "replace")


def _damaged(reason: Message) -> OpsbookError:
    return InputFault(
        msg("This is not a whole bundle: {reason}.", reason=reason),
        untouched=msg("Nothing was imported."),
        next_step=msg("Copy the file again, or have it made again."),
    )
