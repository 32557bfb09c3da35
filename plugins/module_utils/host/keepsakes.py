"""Configuration files of packages: their bytes, modes and owners, kept and put back."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import run
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    sha256,
    sync,
)

Row = t.Dict[str, t.Any]


def take(paths: t.Iterable[str], directory: str) -> list[Row]:
    """Keep each path in ``directory``; also that one is not there. Raises OSError."""
    return [_take(path, directory, number) for number, path in enumerate(sorted(set(paths)))]


def _take(path: str, directory: str, number: int) -> Row:
    row = look(path)
    if row["kind"] == "file":
        row["file"] = f"{number:05}"
        with open(path, "rb") as source, open(f"{directory}/{row['file']}", "wb") as target:
            for block in iter(lambda: source.read(1 << 20), b""):
                target.write(block)
    return row


def look(path: str) -> Row:
    """What is at a path: file, link, other or absent."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"path": path, "kind": "absent"}
    if stat.S_ISLNK(found.st_mode):
        return {"path": path, "kind": "link", "target": os.readlink(path)}
    if not stat.S_ISREG(found.st_mode):
        return {"path": path, "kind": "other"}
    return {
        "path": path,
        "kind": "file",
        "mode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "sha256": sha256(path),
    }


def differing(rows: t.Iterable[Row]) -> list[Row]:
    """Those that are not now what they were."""
    return [row for row in rows if look(row["path"]) != _without_place(row)]


def put_back(rows: t.Iterable[Row], directory: str) -> list[str]:
    """Make each what it was; the paths that had to be changed. Raises OSError."""
    changed = differing(rows)
    for row in changed:
        if row["kind"] == "file":
            _put_file(row, f"{directory}/{row['file']}")
        elif row["kind"] in ("link", "absent"):
            _put_other(row)
    paths = [row["path"] for row in changed]
    if paths and os.path.exists("/sys/fs/selinux/enforce"):
        run("restorecon", *paths)
    return paths


def _put_file(row: Row, source: str) -> None:
    path, part = row["path"], row["path"] + ".opsbook-part"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(source, "rb") as kept, open(part, "wb") as target:
        os.fchmod(target.fileno(), 0o600)
        target.write(kept.read())
        os.fchown(target.fileno(), row["uid"], row["gid"])
        os.fchmod(target.fileno(), row["mode"])
        target.flush()
        os.fsync(target.fileno())
    os.replace(part, path)
    sync(os.path.dirname(path))


def _put_other(row: Row) -> None:
    path = row["path"]
    if os.path.lexists(path) and not os.path.isdir(path):
        os.unlink(path)
    if row["kind"] == "link":
        os.symlink(row["target"], path)


def _without_place(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "file"}
