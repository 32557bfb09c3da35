"""Where opsbook keeps its own state: one private directory, readable with ``ls``.

$OPSBOOK_STATE                (default $XDG_STATE_HOME/opsbook, ~/.local/state/opsbook)
|-- ledger.db                 events, leases, checkpoints, records
|-- keys/                     the Ed25519 key that signs checkpoints
|-- witness/                  witness copies of estates that name no better place
|-- run/<run>/                working files of a run; gone when the run is closed
|-- cache/                    may be deleted at any time
|-- logs/<estate>/            hot tier of collected logs, and their catalogue
|-- archive/<estate>/         archive tier
`-- lab/                      the lab's images, hosts and inventory
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Paths below the state directory."""

    root: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Places:
        """By ``OPSBOOK_STATE``, else ``XDG_STATE_HOME``, else the home directory."""
        env = os.environ if env is None else env
        if env.get("OPSBOOK_STATE"):
            return cls(Path(env["OPSBOOK_STATE"]).absolute())
        base = env.get("XDG_STATE_HOME")
        return cls((Path(base) if base else Path.home() / ".local" / "state") / "opsbook")

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
    """Make ``directory`` (and missing parents) readable by the owner only, and return it."""
    if not directory.is_dir():
        private(directory.parent) if not directory.parent.exists() else None
        directory.mkdir(mode=0o700, exist_ok=True)
    return directory
