"""How far a change has come on this host: one small durable file for each change.

``begun`` (the undo bundle is being made), ``prepared`` (it is complete), ``applying``, ``applied``,
``undoing``, ``undone``. ``applying`` and ``undoing`` stay where the work was cut short. A change
that ends with a boot is ``applying`` until the host has another boot id than when that was noted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.hostfiles import (
    STATE,
    boot_id,
    names,
    private,
    read_json,
    write_json,
)

DIRECTORY = STATE + "/changes"
STATES = ("begun", "prepared", "applying", "applied", "undoing", "undone")
_CHANGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


def change_number(text: str) -> str:
    """A change's number, fit to be a file name. Raises Refused."""
    if not _CHANGE.fullmatch(text):
        raise Refused("The change has no number that can be used here. Nothing was touched.")
    return text


def path(change: str) -> str:
    """Where the journal of a change is."""
    return f"{DIRECTORY}/{change}.json"


def log_path(change: str) -> str:
    """Where the package manager's own words about a change are."""
    return f"{DIRECTORY}/{change}.log"


def state(change: str) -> str:
    """How far the change has come here; empty when nothing was ever begun."""
    found = read_json(path(change))
    return _word(found) if isinstance(found, dict) else ""


def _word(row: dict[str, t.Any]) -> str:
    word = row.get("state")
    if word == "applied" and row.get("boot") and row["boot"] == boot_id():
        return "applying"
    return word if word in STATES else ""


def boot_owed(change: str) -> bool:
    """Whether all of the change is done here but the boot it ends with."""
    found = read_json(path(change))
    return isinstance(found, dict) and bool(found.get("boot")) and _word(found) == "applying"


def booted(change: str) -> bool:
    """Whether the boot with which the change ends here was made."""
    found = read_json(path(change))
    return isinstance(found, dict) and bool(found.get("boot")) and _word(found) == "applied"


def altered(change: str) -> list[str] | None:
    """Services that the change left otherwise than it found them; None where nobody noted it."""
    found = read_json(path(change))
    units = found.get("altered") if isinstance(found, dict) else None
    return [str(unit) for unit in units] if isinstance(units, list) else None


def note(
    change: str, word: str, altered: t.Sequence[str] | None = None, boots: bool = False
) -> None:
    """Write down durably that the change has come to ``word``. Raises OSError.

    ``altered`` are the services that it altered on the way; an undo keeps them in mind, a change
    that begins to write (again) does not. ``boots``: nothing is left of it but a boot.
    """
    private(STATE)
    private(DIRECTORY)
    found = read_json(path(change))
    times = found.get("times", {}) if isinstance(found, dict) else {}
    times[word] = int(time.time())
    row = {"change": change, "state": word, "times": times}
    if altered is None and word in ("undoing", "undone") and isinstance(found, dict):
        altered = found.get("altered")
    if altered is not None:
        row["altered"] = list(altered)
    if boots:
        row["boot"] = boot_id()
    write_json(path(change), row)


def newest() -> dict[str, str] | None:
    """The change that was last worked on here, for the survey."""
    found = []
    for name in names(DIRECTORY):
        row = read_json(f"{DIRECTORY}/{name}") if name.endswith(".json") else None
        if isinstance(row, dict) and _word(row):
            times = row.get("times")
            last = max(times.values()) if isinstance(times, dict) and times else 0
            found.append((last, str(row.get("change", ""))[:64], _word(row)))
    return dict(zip(("change", "state"), max(found)[1:])) if found else None


@contextlib.contextmanager
def alone(seconds: int) -> t.Iterator[None]:
    """Keep a second of our modules from writing here at once; wait ``seconds``. Raises Refused.

    A module whose control host died goes on to its end; the next one must let it.
    """
    private(STATE)
    private(DIRECTORY)
    handle = os.open(DIRECTORY + "/.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        end = time.monotonic() + seconds
        while not _locked(handle):
            if time.monotonic() > end:
                raise Refused(
                    f"Another opsbook task still works on this host, also after {seconds} seconds"
                    " of waiting. Nothing was touched by this one."
                )
            time.sleep(0.5)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
