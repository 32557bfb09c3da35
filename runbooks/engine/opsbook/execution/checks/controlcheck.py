"""Is the control host fit for work: versions, tools, room, private directories, clock."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from opsbook.execution.checks.check import Check
from opsbook.execution.declared.declarations import collection
from opsbook.model.exits import Exit
from opsbook.model.message import Message, msg
from opsbook.model.places import Places, account

LEAST_FREE_MIB = 512
"""Room below the state directory without which nothing is begun."""

_BAD = Exit.HOST_FAILED
_TOOLS = {
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "setpriv": "util-linux",
}
_LAB_TOOLS = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
}


def check_control(places: Places, *, lab: bool) -> list[Check]:
    """Every check of this machine; ``lab`` adds what the lab needs."""
    checks = [_python(), _ansible(), _content(), *_tools(_TOOLS), _room(places), *_modes(places)]
    checks.append(_clock())
    return [*checks, *_tools(_LAB_TOOLS)] if lab else checks


def _check(good: bool, fine: Message, bad: Message, mend: Message) -> Check:
    return Check("control", fine) if good else Check("control", bad, _BAD, mend)


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return _check(
        sys.version_info >= (3, 11),
        msg("Python {version}", version=found),
        msg("Python {version} is too old", version=found),
        msg("Install Python 3.11 or newer."),
    )


def _ansible() -> Check:
    try:
        found = version("ansible-core")
    except PackageNotFoundError:
        found = ""
    return _check(
        found.startswith("2.19."),
        msg("ansible-core {version}", version=found),
        msg("ansible-core {version} is not 2.19", version=found or "-"),
        msg("pip install 'ansible-core>=2.19,<2.20' into the environment of opsbook."),
    )


def _content() -> Check:
    place = collection()
    return _check(
        (place / "roles").is_dir() and (place / "playbooks").is_dir(),
        msg("runbooks, roles and modules are in {place}", place=place),
        msg("runbooks, roles and modules are missing from {place}", place=place),
        msg("Install opsbook again; in a checkout: make setup."),
    )


def _tools(needed: dict[str, str]) -> Iterator[Check]:
    for tool, package in needed.items():
        place = shutil.which(tool)
        yield _check(
            place is not None,
            msg("{tool} is {place}", tool=tool, place=place),
            msg("{tool} is missing", tool=tool),
            msg("apt install {package} (or the like)", package=package),
        )


def _room(places: Places) -> Check:
    at = places.root
    while not at.exists():
        at = at.parent
    free = shutil.disk_usage(at).free // 2**20
    return _check(
        free >= LEAST_FREE_MIB,
        msg("{free} MiB are free for {place}", free=free, place=places.root),
        msg("only {free} MiB are free for {place}", free=free, place=places.root),
        msg("Make room, or set OPSBOOK_STATE to a directory that has some."),
    )


def _modes(places: Places) -> Iterator[Check]:
    """Nobody else reads our state, and it is ours."""
    if not places.root.exists():
        yield Check("control", msg("{place} will be made when it is needed", place=places.root))
        return
    if not os.access(places.root, os.R_OK | os.W_OK | os.X_OK):
        owner, user = account(places.root.stat().st_uid), account(os.geteuid())
        bad = msg("{path} belongs to {owner}; {user} may not use it",
                  path=places.root, owner=owner, user=user)  # fmt: skip
        mend = msg("Work as {owner}, or set OPSBOOK_STATE to a directory of your own.", owner=owner)
        yield Check("control", bad, _BAD, mend)
        return
    files = [places.root, places.ledger, places.keys, *_children(places.keys)]
    for path in (path for path in files if path.exists()):
        mode = f"{path.stat().st_mode & 0o777:04o}"
        yield _check(
            not path.stat().st_mode & 0o077,
            msg("{path} is private", path=path),
            msg("others can reach {path} (mode {mode})", path=path, mode=mode),
            msg("chmod go= {path}", path=path),
        )


def _children(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _clock() -> Check:
    """Evidence needs a clock that is right; where nothing can tell, that is said."""
    try:
        asked = subprocess.run(
            ["timedatectl", "show", "-p", "NTPSynchronized", "--value"],
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
        said = asked.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    if said not in ("yes", "no"):
        return Check("control", msg("nothing here tells whether the clock is synchronised"))
    return _check(
        said == "yes",
        msg("the clock is synchronised"),
        msg("the clock is not synchronised"),
        msg("Set up chrony or systemd-timesyncd."),
    )
