"""Where opsbook keeps its own state: one private directory, readable with ``ls``.

$OPSBOOK_STATE                (default $XDG_STATE_HOME/opsbook, ~/.local/state/opsbook)
|-- ledger.db                 events, leases, checkpoints, records
|-- keys/                     the Ed25519 key that signs checkpoints
|-- witness/                  witness copies of estates that name no better place
|-- run/<run>/                working files of a run; gone when the run is closed
|-- cache/                    may be deleted at any time
|-- logs/<estate>/            hot tier of collected logs, and their catalogue
|-- archive/<estate>/         archive tier
|-- patching/                 what is known of packages; repositories of estates without a way out
|-- findings/                 what scanners told of hosts; their files and rules, as far as ours
`-- lab/                      the lab's images, hosts and inventory
"""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsbook.model.errors import InputFault
from opsbook.model.message import msg


@dataclass(frozen=True, slots=True)
class Places:
    """Paths below the state directory."""

    root: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Places:
        """By ``OPSBOOK_STATE``, else ``XDG_STATE_HOME``, else the home directory.

        Raises InputFault when the path holds what neither ssh_config nor a database can name.
        """
        env = os.environ if env is None else env
        base = Path(env.get("XDG_STATE_HOME", ""))
        if not base.is_absolute():  # XDG base directory specification: relative ones are ignored
            base = Path.home() / ".local" / "state"
        root = Path(env.get("OPSBOOK_STATE") or base / "opsbook").absolute()
        if not str(root).isprintable():
            raise InputFault(
                msg("The state directory cannot be named {path}: no line breaks, no control "
                    "characters, UTF-8 only.", path=root),
                untouched=msg("Nothing was touched."),
                next_step=msg("Set OPSBOOK_STATE to another directory."),
            )  # fmt: skip
        return cls(root)

    @property
    def ledger(self) -> Path:
        """The ledger's database file."""
        return self.root / "ledger.db"

    @property
    def keys(self) -> Path:
        """Directory of opsbook's own keys."""
        return self.root / "keys"

    @property
    def cache(self) -> Path:
        """Directory of what can be made again."""
        return self.root / "cache"

    @property
    def findings(self) -> Path:
        """The database of what scanners told of hosts."""
        return self.root / "findings" / "findings.db"

    @property
    def content(self) -> Path:
        """Directory of rules for scanners that were brought along."""
        return self.root / "findings" / "content"

    def scans(self, run: str) -> Path:
        """Directory of the scanners' files that run ``run`` brought in."""
        return self.root / "findings" / "scans" / run

    @property
    def lab(self) -> Path:
        """Directory of the lab."""
        return self.root / "lab"

    def run(self, run: str) -> Path:
        """Working directory of one run."""
        return self.root / "run" / run

    def logs(self, estate: str) -> Path:
        """Default hot tier of an estate's logs."""
        return self.root / "logs" / estate

    def archive(self, estate: str) -> Path:
        """Default archive tier of an estate's logs."""
        return self.root / "archive" / estate


def private(directory: Path) -> Path:
    """Make ``directory`` (and missing parents) readable by the owner only, and return it.

    Raises OSError, NotADirectoryError also where a file or a loop of links stands in its place.
    """
    if not directory.is_dir():
        private(directory.parent) if not directory.parent.exists() else None
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError as error:
            code = errno.ENOTDIR
            raise NotADirectoryError(code, os.strerror(code), str(directory)) from error
    return directory


def account(uid: int) -> str:
    """The name of the account of this machine with that number; the number when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def of_another(root: Path) -> InputFault | None:
    """What to tell when the state directory ``root``, or the nearest one above it that can be
    seen, belongs to somebody else; None when it does not.
    """
    for seen in (root, *root.parents):
        try:
            owner = seen.stat().st_uid
        except OSError:
            continue
        break
    if owner == os.geteuid():
        return None
    whose, user = account(owner), account(os.geteuid())
    problem = msg("The state directory {path} belongs to {owner}; {user} may not use it.",
                  path=root, owner=whose, user=user)  # fmt: skip
    if seen != root:
        problem = msg("The state directory {path} lies in {directory}, which belongs to {owner};"
                      " {user} may not use it.",
                      path=root, directory=seen, owner=whose, user=user)  # fmt: skip
    return InputFault(
        problem,
        untouched=msg("Nothing was touched."),
        next_step=msg("Work as {owner}, or set OPSBOOK_STATE to a directory of your own.",
                      owner=whose),
    )  # fmt: skip
