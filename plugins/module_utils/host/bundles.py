"""Where a change keeps what its undo needs: ``/var/lib/opsbook/undo/CHANGE/``.

A bundle is made in a directory beside its place and renamed, so a half one is never taken for a
whole one. Its ``manifest.json`` has a schema, when it was made, and the SHA-256 of its files.
"""

from __future__ import annotations

import os
import shutil
import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import journal
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    STATE,
    names,
    private,
    read_json,
    sha256,
    sync,
    sync_tree,
    write_json,
)

UNDO = STATE + "/undo"
Row = t.Dict[str, t.Any]


def directory(change: str) -> str:
    """Where the bundle of a change is."""
    return f"{UNDO}/{change}"


def manifest(change: str, schema: str) -> Row | None:
    """What the bundle of this schema holds; None when there is no complete one."""
    found = read_json(directory(change) + "/manifest.json")
    return found if isinstance(found, dict) and found.get("schema") == schema else None


def checked(change: str, schema: str) -> Row:
    """The manifest of a complete bundle whose files are all what they were. Raises Refused."""
    found = manifest(change, schema)
    if found is None:
        raise Refused(f"There is no undo bundle of {change} here. Nothing was touched.")
    for name, was in found["files"].items():
        path = f"{directory(change)}/{name}"
        if not os.path.isfile(path) or sha256(path) != was:
            raise Refused(f"{path} of the undo bundle is damaged. Nothing was touched.")
    return found


def make(
    change: str,
    schema: str,
    fill: t.Callable[[str], Row],
    unsaid: t.Collection[str] = (),
    untouched: str = "Nothing was touched",
) -> None:
    """Make the bundle. Raises Refused, leaving nothing behind.

    ``fill`` is given the directory and returns the manifest; directories named in ``unsaid`` are
    checked by other means. ``untouched`` is what a refusal says was left alone.
    """
    part = f"{UNDO}/.{change}.part"
    private(STATE)
    private(UNDO)
    for left in names(UNDO):
        if left.endswith(".part"):
            shutil.rmtree(f"{UNDO}/{left}")
    try:
        found = fill(private(part))
        found.update(schema=schema, change=change, made=int(time.time()))
        found["files"] = _sums(part, unsaid)
        for name in names(part):
            if os.path.isdir(f"{part}/{name}") and name not in unsaid:
                sync_tree(f"{part}/{name}")
        write_json(part + "/manifest.json", found)
        shutil.rmtree(directory(change), ignore_errors=True)
        os.rename(part, directory(change))
        sync(UNDO)
    except OSError as error:
        raise Refused(
            f"The undo bundle cannot be written: {error.strerror}. {untouched}, and no half undo"
            " bundle was left."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def drop_old(keep: int, newest: str) -> list[str]:
    """Keep the bundles of the last ``keep`` changes; the changes whose bundles were dropped.

    That of ``newest`` always stays, and those of changes that were cut short: nothing else brings
    the host back from there.
    """
    made = []
    for name in names(UNDO):
        found = read_json(f"{UNDO}/{name}/manifest.json")
        halfway = journal.state(name) in ("applying", "undoing")
        if isinstance(found, dict) and name != newest and not halfway:
            made.append((found.get("made", 0), name))
    dropped = [name for _, name in sorted(made, reverse=True)[max(0, keep - 1) :]]
    for name in dropped:
        shutil.rmtree(f"{UNDO}/{name}", ignore_errors=True)
    return dropped


def _sums(part: str, unsaid: t.Collection[str]) -> dict[str, str]:
    """SHA-256 of every file of the bundle but those below ``unsaid``."""
    found = {}
    for place, below, files in os.walk(part):
        if place == part:
            below[:] = [name for name in below if name not in unsaid]
        for name in files:
            path = os.path.join(place, name)
            found[os.path.relpath(path, part)] = sha256(path)
    return found
