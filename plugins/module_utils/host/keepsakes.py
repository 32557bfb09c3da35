"""Files of a host: their bytes, modes, owners, times and extended attributes, kept and put back.

A row says what was at a path. Of what is only given another mode or owner no bytes are kept
(``attributes``): a log goes on growing meanwhile.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import placing
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import run
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import sha256

Row = t.Dict[str, t.Any]
_NOT_COMPARED = ("file", "times")


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
        found = os.lstat(path)
        row["times"] = [found.st_atime_ns, found.st_mtime_ns]
    return row


def look(path: str) -> Row:
    """What is at a path: file, link, other or absent."""
    found = placing.stat_of(path)
    if found is None:
        return {"path": path, "kind": "absent"}
    if found.kind == "link":
        return {"path": path, "kind": "link", "target": os.readlink(path)}
    if found.kind != "file":
        return {"path": path, "kind": "other"}
    row = _attributes(path, found)
    return dict(row, kind="file", sha256=sha256(path), xattrs=placing.extended(path))


def attributes(path: str) -> Row:
    """Mode and owner of a file or directory, without what is in it."""
    found = placing.stat_of(path)
    if found is None or found.kind not in ("file", "directory"):
        return {"path": path, "kind": "other"}
    return dict(_attributes(path, found), kind="attributes", type=found.kind)


def _attributes(path: str, found: placing.Stat) -> Row:
    return {"path": path, "mode": found.mode, "uid": found.uid, "gid": found.gid}


def differing(rows: t.Iterable[Row]) -> list[Row]:
    """Those that are not now what they were."""
    return [row for row in rows if not is_as(row)]


def is_as(row: Row) -> bool:
    """Whether what is at the path is what the row says, as far as it says it."""
    now = attributes(row["path"]) if row["kind"] == "attributes" else look(row["path"])
    return all(now.get(key) == row[key] for key in row if key not in _NOT_COMPARED)


def put_back(rows: t.Iterable[Row], directory: str, strict: bool = False) -> list[str]:
    """Make each what it was; the paths that had to be changed. Raises OSError.

    ``strict``: a directory on the way that is a link is refused, and not followed.
    """
    rows = list(rows)
    for row in rows:
        placing.clear(row["path"])
    changed = differing(rows)
    for row in changed:
        if row["kind"] == "file":
            _put_file(row, f"{directory}/{row['file']}", strict)
        elif row["kind"] == "attributes":
            placing.set_attributes(row["path"], row["mode"], row["uid"], row["gid"])
        elif row["kind"] in ("link", "absent"):
            _put_other(row)
    paths = [row["path"] for row in changed]
    if paths and os.path.exists("/sys/fs/selinux/enforce"):
        run("restorecon", *paths)
    return paths


def _put_file(row: Row, source: str, strict: bool) -> None:
    path = row["path"]
    if not strict:
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    with open(source, "rb") as kept:
        wanted = placing.Wanted(kept.read(), row["mode"], row["uid"], row["gid"])
    times = tuple(row["times"]) if "times" in row else None
    placing.place(path, wanted, times, row.get("xattrs"))


def _put_other(row: Row) -> None:
    path = row["path"]
    if os.path.lexists(path) and not os.path.isdir(path):
        os.unlink(path)
    if row["kind"] == "link":
        os.symlink(row["target"], path)
