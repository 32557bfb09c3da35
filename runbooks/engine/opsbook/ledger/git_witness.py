"""A witness in a git repository: one file of lines, one commit per checkpoint.

With an address every commit is also pushed there, under another account; without one the
repository is only as far away as its path is.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opsbook.ledger.port import Checkpoint

NAME = "checkpoints.jsonl"
BRANCH = "opsbook-witness"
_TIMEOUT_SECONDS = 60.0
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "commit.gpgSign=false",
    "user.name=opsbook",
    "user.email=opsbook@localhost",
    "protocol.ext.allow=never",
)


class GitWitness:
    """Implements :class:`opsbook.ledger.witness.WitnessPlace`."""

    def __init__(self, path: Path, address: str | None) -> None:
        if address is not None and address.startswith("-"):
            raise ValueError("the address of a git repository does not begin with a dash")
        self._path = path
        self._address = address

    def keep(self, line: str, checkpoint: Checkpoint) -> None:
        """Commit the line, and push when there is an address."""
        with self._alone():
            if not (self._path / ".git").exists():
                self._git("init", "-q", f"--initial-branch={BRANCH}")
            with (self._path / NAME).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            self._git("add", "--", NAME)
            message = f"Checkpoint {checkpoint.seq} of ledger {checkpoint.ledger}"
            self._git("commit", "-q", "--no-verify", "-m", message, "--", NAME)
            if self._address is not None:
                self._git("push", "-q", "--", self._address, f"HEAD:refs/heads/{BRANCH}")

    def lines(self) -> Iterator[str]:
        """Lines of the last commit, of the address when there is one."""
        commit = "HEAD"
        if self._address is not None:
            self._git("fetch", "-q", "--", self._address, f"refs/heads/{BRANCH}")
            commit = "FETCH_HEAD"
        yield from self._git("show", f"{commit}:{NAME}").splitlines()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time: git itself gives up when another one is at work."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _git(self, *words: str) -> str:
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GIT_")
        }
        quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
        try:
            done = subprocess.run(
                ["git", *settings, "-C", str(self._path), *words],
                env=environment | quiet,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="backslashreplace",
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(f"git {words[0]} took more than {_TIMEOUT_SECONDS:.0f} s") from error
        if done.returncode != 0:
            raise OSError(f"git {words[0]}: {done.stderr.strip() or done.returncode}")
        return done.stdout
