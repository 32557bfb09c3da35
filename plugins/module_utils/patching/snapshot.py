"""One look at a host: its packages, what its lists offer, and how it stands."""

from __future__ import annotations

import glob
import os
import re
import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host import (
    journal,
    processes,
    standing,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import run
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    STATE,
    boot_id,
    names,
    read,
    read_json,
)

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.managers import Reader

SCHEMA = "opsbook.patching-survey/1"
_SPACES = ("/var/lib/opsbook", "/usr", "/boot")
_NOT_AFTER = re.compile(r"notAfter=(\w{3}) +(\d+) (\d+):(\d+):(\d+) (\d{4}) GMT")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MOST_CERTIFICATES = 200


def brief(
    manager: Reader, running: t.Sequence[processes.Process] | None = None
) -> dict[str, t.Any]:
    """What is compared before and after: packages and the standing of the host.

    ``running`` are its processes where they have been read already.
    """
    running = processes.processes() if running is None else running
    deleted = {path for one in running for path in one.deleted}
    owner = manager.owners(deleted) if deleted else {}
    return {
        "schema": SCHEMA,
        "manager": manager.name,
        "os": standing.os_release(),
        "arch": manager.arch(),
        "installed": manager.rows(),
        "boot": standing.boot(manager.kernels()),
        "units": standing.units(),
        "failed": standing.failed(),
        "listeners": standing.listeners(processes.socket_owners(running)),
        "mounts": standing.mounts(),
        "sessions": standing.sessions(),
        "stale": processes.grouped(running, lambda one: (owner.get(p, p) for p in one.deleted)),
    }


def whole(
    manager: Reader,
    certificates: t.Sequence[str] = (),
    refreshed: bool = False,
    lease_directory: str = STATE,
) -> dict[str, t.Any]:
    """Everything a plan is made of. ``certificates`` are paths, ``*`` and ``?`` allowed."""
    running = processes.processes()
    found = brief(manager, running)
    found.update(manager.offers())
    keys = ["{}:{}".format(row["package"], row["arch"]) for row in found["candidates"]]
    belongs = manager.files_of(keys)
    found.update(
        now=int(time.time()),
        uses=processes.grouped(
            running, lambda one: (belongs[path] for path in one.code if path in belongs)
        ),
        conffiles=manager.changed_conffiles(keys),
        package_manager=dict(manager.state(), broken=found.pop("broken")),
        lists=manager.lists(refreshed),
        space=standing.space((*manager.spaces, *_SPACES)),
        restore_points=restore_points(),
        lease=lease(lease_directory),
        journal=journal.newest(),
        **certificates_of(certificates),
    )
    return found


def certificates_of(patterns: t.Sequence[str]) -> dict[str, t.Any]:
    """When the certificates at these paths end, in seconds since 1970."""
    from calendar import timegm  # only where certificates are asked for

    paths = sorted({path for pattern in patterns for path in glob.glob(pattern)})
    rows, unread = [], []
    for path in paths[:_MOST_CERTIFICATES]:
        printed = run("openssl", "x509", "-noout", "-enddate", "-in", path).out
        match = _NOT_AFTER.search(printed)
        if match:
            month, day, hour, minute, second, year = match.groups()
            numbers = (int(year), _MONTHS.index(month) + 1, int(day),
                       int(hour), int(minute), int(second))  # fmt: skip
            rows.append({"path": path, "not_after": timegm(numbers)})
        elif os.path.isfile(path):
            unread.append(path)
    return {"certificates": rows, "certificates_unread": unread}


def restore_points() -> list[dict[str, t.Any]]:
    """Backups that somebody noted on this host: ``{kind, made, name}`` in a file each."""
    directory = STATE + "/restore-points"
    found = []
    for name in names(directory):
        row = read_json(f"{directory}/{name}") if name.endswith(".json") else None
        if isinstance(row, dict) and isinstance(row.get("made"), int):
            kind, title = str(row.get("kind", ""))[:50], str(row.get("name", ""))[:200]
            found.append({"kind": kind, "made": row["made"], "name": title})
    return found


def lease(directory: str = STATE) -> dict[str, t.Any] | None:
    """The marker of a change that works on this host, ``opsbook.lease/1``; None when there is none.

    ``seconds_left`` is how long it still counts, by the host's time since boot (proc(5)): until
    ``until`` of the boot it was made in, after another boot ``seconds`` from that boot on. A marker
    with ``until`` 0 was given back.
    """
    row = read_json(directory + "/lease.json")
    if not isinstance(row, dict) or not all(_is_count(row.get(k)) for k in ("until", "seconds")):
        return None
    up = int(float((read("/proc/uptime").split() or ["0"])[0]))
    same = row.get("boot") == boot_id()
    left = (row["until"] if same else row["seconds"]) - up if row["until"] else 0
    named = {key: str(row.get(key, ""))[:64] for key in ("run", "change", "control_host")}
    return dict(named, live=left > 0, seconds_left=max(0, left))


def _is_count(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**11
