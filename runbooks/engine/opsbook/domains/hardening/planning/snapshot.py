"""What a host says of itself (module ``hardening_survey``), read as the hostile input it is.

Texts are bounded and on one line, lists are bounded, a wrong type is a sentence and never a guess.
What is left out counts as not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsbook.execution.surveyed import Journal, Marker, read_journal, read_marker
from opsbook.model.errors import HostFailed
from opsbook.model.hostjson import Reader, Wrong, one_line
from opsbook.model.message import msg

SCHEMA = "opsbook.hardening-survey/1"

MOST_OBSERVED = 8 * 2**20
"""Characters of what the checks saw; all controls together see a fraction of it."""

LONGEST = 4000
"""Characters of what a step finds or leaves."""

_STEP = re.compile(r"[a-z0-9][a-z0-9_.:/-]{0,150}#[0-9]{1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Login:
    """The account that reached the host, before it became root.

    ``source`` is the address it came from, "" where it did not come over SSH. ``authentication`` is
    OpenSSH's word (``publickey``, ``password`` ...), "" where nobody knows. ``password`` is
    ``set``, ``locked``, ``empty`` or "", and ``changed`` its day since 1970 (shadow(5)). ``sudo``:
    root is reached by sudo, ``nopasswd`` without a password.
    """

    user: str = ""
    uid: int | None = None
    groups: tuple[str, ...] = ()
    source: str = ""
    authentication: str = ""
    password: str = ""
    changed: int | None = None
    sudo: bool = False
    nopasswd: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What one step would do. ``problem``: why it cannot; ``undo``: why it cannot be undone.

    ``effects`` are services that read what it writes; ``packages`` what comes and goes with it:
    {package, arch, from, to, sha256, size}.
    """

    id: str
    before: str
    after: str
    changes: bool
    problem: str = ""
    effects: tuple[str, ...] = ()
    undo: str = ""
    packages: tuple[Mapping[str, Any], ...] = ()

    @property
    def was(self) -> str | None:
        """The value now, as the host says it (``-`` where nothing is there)."""
        return self.before or None

    @property
    def becomes(self) -> str | None:
        """The value after, in the same way."""
        return self.after or None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at one host. ``observed`` is what the checks printed, not yet read; ``day`` the
    host's own day since 1970; ``journal`` the change that it last noted.
    """

    observed: str = ""
    looks: Mapping[str, Look] = field(default_factory=dict)
    login: Login = Login()
    lease: Marker | None = None
    day: int = 0
    journal: Journal | None = None


def read_snapshot(host: str, survey: Mapping[str, Any]) -> Snapshot:
    """Read a survey's evidence. Raises HostFailed naming what is wrong in it."""
    try:
        return _read(Reader("", survey))
    except Wrong as wrong:
        raise HostFailed(
            msg("What {host} says of its configuration cannot be used: {place} is not as it"
                " should be.",
                host=host, place=wrong.place),
            untouched=msg("Nothing was touched."),
        ) from wrong  # fmt: skip


def _read(top: Reader) -> Snapshot:
    if top.data.get("schema") != SCHEMA:
        raise top.wrong("schema")
    observed = top.data.get("observed") or ""
    if not isinstance(observed, str) or len(observed) > MOST_OBSERVED:
        raise top.wrong("observed")
    return Snapshot(
        observed=observed,
        looks={look.id: look for look in map(_look, top.rows("looks"))},
        login=_login(top.below("login")),
        lease=top.perhaps("lease", read_marker),
        day=max(top.number("now") // 86400, 0),
        journal=top.perhaps("journal", read_journal),
    )


def _look(row: Reader) -> Look:
    return Look(
        id=row.matched("id", _STEP),
        before=_words(row, "before"),
        after=_words(row, "after"),
        changes=row.flag("changes"),
        problem=_words(row, "problem"),
        effects=row.texts("effects"),
        undo=row.text("undo"),
        packages=tuple(map(_package, row.rows("packages"))),
    )


def _words(row: Reader, key: str) -> str:
    """A text on one line, of a length that a list of paths may have."""
    value = row.data.get(key) or ""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise row.wrong(key)
    return one_line(value)


def _package(row: Reader) -> dict[str, Any]:
    texts = {key: row.text(key) for key in ("package", "arch", "from", "to", "sha256")}
    return {**texts, "size": row.number("size")}


def _login(row: Reader) -> Login:
    password, sudo = row.below("password"), row.below("sudo")
    return Login(
        user=row.text("user"),
        uid=row.number("uid") if row.data.get("uid") is not None else None,
        groups=row.texts("groups"),
        source=row.text("source"),
        authentication=row.text("authentication"),
        password=password.text("state"),
        changed=password.number("changed") if password.data.get("changed") is not None else None,
        sudo=sudo.flag("used"),
        nopasswd=sudo.flag("nopasswd"),
    )
