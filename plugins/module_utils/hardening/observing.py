"""Running the script of all checks: one pass of a POSIX shell over the host."""

from __future__ import annotations

import subprocess
import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import (
    login,
    looking,
    validation,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.system import Host
from ansible_collections.opsbook.runbooks.plugins.module_utils.host import (
    hostfiles,
    journal,
    standing,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import PATH
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching import snapshot

SCHEMA = "opsbook.hardening-survey/1"
MOST_BYTES = 16 * 1024 * 1024
_SECONDS = 1800

if t.TYPE_CHECKING:
    from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.task import Task


def observed(script: str) -> str:
    """What the checks print; cut at a length that no honest host needs.

    The script is given on standard input to sh(1), so nothing of it is on a command line.
    """
    try:
        done = subprocess.run(
            ["/bin/sh", "-s"], input=script.encode("utf-8", "surrogateescape"),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_SECONDS, check=False,
            env={"PATH": PATH, "LC_ALL": "C", "LANG": "C", "HOME": "/root"}, cwd="/",
        ).stdout  # fmt: skip
    except subprocess.TimeoutExpired as error:
        done = error.stdout or b""
    return done[:MOST_BYTES].decode("utf-8", "replace")


def after(host: Host, task: Task) -> dict[str, t.Any]:
    """What the checks and the steps say once the change is done."""
    _, looks = looking.look_at(host, task.rows, tolerant=True)
    return {"observed": observed(task.script), "looks": [one.told() for one in looks]}


def system(host: Host) -> dict[str, t.Any]:
    """What kind of host this is."""
    release = standing.os_release()
    managers = [one for one in ("apt-get", "dnf", "yum", "zypper") if host.has(one)]
    return {
        "id": release["id"],
        "version": release["version_id"],
        "family": host.family,
        "container": host.container,
        "init": "systemd" if host.systemd else hostfiles.read("/proc/1/comm").strip()[:32],
        "packages_manager": managers[0] if managers else "",
    }


def survey(
    host: Host, script: str, rows: t.Sequence[t.Any], lease_directory: str
) -> dict[str, t.Any]:
    """The evidence of ``hardening_survey`` but how long it took."""
    found: dict[str, t.Any] = {
        "schema": SCHEMA,
        "now": int(time.time()),
        "login": login.whole(host),
        "system": system(host),
        "journal": journal.newest(),
        "lease": snapshot.lease(lease_directory),
    }
    if script:
        found["observed"] = observed(script)
    if rows:
        draft, looks = looking.look_at(host, rows, tolerant=True)
        found["looks"] = [one.told() for one in validation.judged(draft, looks)]
    return found
