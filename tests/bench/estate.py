"""The lab's hosts as an estate with one source of logs of a known size."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BIN = Path(sys.executable).parent
LOG = "/var/log/bench/bench.log"

ESTATE = """schema: 1
name: bench
title: {zh: 测量, en: Bench}
timezone: Asia/Shanghai
policies: {logs: {min_free_mib: 0}}
"""

SOURCES = """opsbook_logs_bench:
  - name: bench
    files: [/var/log/bench/*.log]
    expect_every: 1m
"""


class BenchEstate:
    """``count`` hosts of the running lab below ``lab_state``; own directory and own state."""

    def __init__(self, lab_state: Path, home: Path, count: int) -> None:
        self.directory = home / "bench"
        self.state = home / "state"
        self.env = {"OPSBOOK_STATE": str(self.state)}
        live = lab_state / "lab" / "estate"
        shutil.rmtree(home, ignore_errors=True)
        (self.directory / "group_vars").mkdir(parents=True)
        self.state.mkdir(mode=0o700)
        for name in ("hosts.yml", "known_hosts"):
            shutil.copy(live / name, self.directory / name)
        (self.directory / "estate.yml").write_text(ESTATE, encoding="utf-8")
        (self.directory / "group_vars" / "all.yml").write_text(SOURCES, encoding="utf-8")
        self.hosts = self._pick(count)
        self.limit = ",".join(self.hosts)
        self.ssh_config = self._ssh_config()

    def _pick(self, count: int) -> list[str]:
        """Hosts reached directly and with Python, so that the baselines can serve them too."""
        shown = subprocess.run(
            [BIN / "ansible-inventory", "-i", self.directory / "hosts.yml", "--list"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        found = json.loads(shown.stdout)["_meta"]["hostvars"]
        plain = [
            n for n, v in found.items() if "opsbook_jump" not in v and "opsbook_python" not in v
        ]
        if len(plain) < count:
            raise RuntimeError(f"the lab has {len(plain)} plain hosts, {count} are needed")
        return sorted(plain)[:count]

    def _ssh_config(self) -> Path:
        from opsbook.execution.declared.declarations import load_estate
        from opsbook.execution.declared.inventory import load_inventory
        from opsbook.execution.reach.ssh import ssh_config
        from opsbook.model.places import Places

        places = Places(self.state)
        estate = load_estate(str(self.directory), places)
        return ssh_config(load_inventory(estate, places, self.limit), places)

    def ssh(self, host: str, command: str) -> list[str]:
        """The bare command that the baselines use."""
        return ["ssh", "-F", str(self.ssh_config), "-T", host, command]

    def everywhere(self, command: str, stdin: Path | None = None) -> None:
        """Run ``command`` on all hosts at once."""
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(lambda host: self._one(host, command, stdin), self.hosts))

    def _one(self, host: str, command: str, stdin: Path | None) -> None:
        with (stdin or Path(os.devnull)).open("rb") as source:
            subprocess.run(self.ssh(host, command), stdin=source, check=True, capture_output=True)

    def parallel(self, command: str, output: Path) -> None:
        """The baseline: one bare ssh per host at once, each into a file of its own."""
        output.mkdir(exist_ok=True)
        running = []
        for host in self.hosts:
            with (output / host).open("wb") as sink:
                running.append(subprocess.Popen(self.ssh(host, command), stdout=sink))
        if any(process.wait() for process in running):
            raise RuntimeError(f"baseline failed: {command}")


def log_lines(path: Path, size: int, seed: int, first: int = 0) -> int:
    """Write about ``size`` bytes of dated, varied log lines; returns the next line number."""
    rng = random.Random(seed)
    words = [f"{rng.choice('abcdefgh')}{rng.randrange(10**6)}" for _ in range(400)]
    written, number = 0, first
    with path.open("w", encoding="ascii") as file:
        while written < size:
            second = number // 20
            line = (
                f"2026-11-20T{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
                f"+08:00 "
                f"app[{rng.randrange(400, 32000)}]: {number:09d} {rng.choice(words)} "
                f"{rng.choice(words)} from 192.0.2.{rng.randrange(256)} took {rng.random():.4f}\n"
            )
            file.write(line)
            written += len(line)
            number += 1
    return number
