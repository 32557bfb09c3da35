"""Files of a host: read whole, written whole and durably, hashed."""

from __future__ import annotations

import hashlib
import json
import os
import typing as t

STATE = "/var/lib/opsbook"
"""Where opsbook keeps things on a host; closed to others."""


def read(path: str) -> str:
    """The text of a file; empty when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def read_json(path: str) -> t.Any:
    """The JSON of a file; None when it cannot be read or is none."""
    try:
        return json.loads(read(path))
    except ValueError:
        return None


def boot_id() -> str:
    """What tells the present boot of this host from every other: random(4)."""
    return read("/proc/sys/kernel/random/boot_id").strip()


def names(directory: str) -> list[str]:
    """The names in a directory, sorted; none when it cannot be read."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def private(directory: str) -> str:
    """Make a directory for root alone (0700), also where it exists. Raises OSError."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    os.chmod(directory, 0o700)
    return directory


def write(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replace a file so that a crash leaves the old or the new one, whole. Raises OSError."""
    part = path + ".part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    except OSError:
        os.unlink(part)
        raise
    sync(os.path.dirname(path))


def write_json(path: str, data: t.Any) -> None:
    """The same, of JSON in one canonical order."""
    write(path, (json.dumps(data, sort_keys=True, indent=1) + "\n").encode())


def sync(path: str) -> None:
    """Bring a file or the names of a directory onto the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(top: str) -> None:
    """Bring everything below ``top`` onto the disk. Raises OSError."""
    for directory, _, files in os.walk(top):
        for name in files:
            sync(os.path.join(directory, name))
        sync(directory)


def sha256(path: str) -> str:
    """The SHA-256 of a file in hex. Raises OSError."""
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()


def free_bytes(path: str) -> int | None:
    """Bytes that root may still write below ``path``; None when it is not there."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
