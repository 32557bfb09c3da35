"""The bench's estate with a policy in force and one approver with a key; and plain Ansible."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from estate import BenchEstate
from figures import Timed, timed

BIN = Path(sys.executable).parent


class Signed:
    """``hosts`` hosts of the running lab below ``lab_state``; own directory and own state."""

    def __init__(self, lab_state: Path, home: Path, hosts: int) -> None:
        self.estate = BenchEstate(lab_state, home, hosts)
        self.home = home
        self._key = lab_state / "keys" / "lab_approver"
        for name in ("approvers.yml", "allowed_signers"):
            shutil.copy(lab_state / "lab" / "estate" / name, self.estate.directory / name)
        adopted = self.told("policy", "propose", *self.here, "--reason", "bench")["change"]
        self.approve(adopted)
        self.opsbook("apply", adopted)

    @property
    def here(self) -> tuple[str | Path, ...]:
        """Words of a command that say which estate."""
        return ("-e", self.estate.directory)

    def opsbook(self, *words: str | Path, ok: set[int] | None = None) -> Timed:
        """One command, to its end."""
        return timed([BIN / "opsbook", *words], env=self.estate.env, ok=ok)

    def told(self, *words: str | Path) -> Any:
        """What a command says in JSON, without what it says of its progress."""
        done = subprocess.run(
            [BIN / "opsbook", *words, "--json"], env=os.environ | self.estate.env,
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{words}: {done.stderr.decode(errors='replace')}")
        return json.loads(done.stdout)

    def approve(self, change: str) -> None:
        """Sign as the lab's approver."""
        self.opsbook("approve", change, "--key", self._key, "--yes")

    def bare(
        self,
        playbook: Path,
        *words: str | Path,
        hosts: Sequence[str] = (),
        collections: Path | None = None,
    ) -> Timed:
        """Plain ansible-playbook on the same hosts (or on ``hosts``), as fast as it can be: as many
        forks, pipelining and shared connections; ``collections``: more of them.
        """
        from opsbook.execution.declared.declarations import content

        shared = "-o ControlMaster=auto -o ControlPersist=60s"
        env = {
            "ANSIBLE_COLLECTIONS_PATH": ":".join(map(str, filter(None, (content(), collections)))),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_SSH_ARGS": f"-F {self.estate.ssh_config} {shared}",
            "ANSIBLE_BECOME": "1",
            "LC_ALL": "C.UTF-8",
        }
        chosen = list(hosts) or self.estate.hosts
        return timed(
            [BIN / "ansible-playbook", "-i", self.estate.directory / "hosts.yml",
             "-l", ",".join(chosen), "-f", str(len(chosen)), *words, playbook],
            env=env,
        )  # fmt: skip

    def write(self, name: str, content: Any) -> Path:
        """A file for :meth:`bare`; JSON is YAML."""
        path = self.home / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path
