"""Checkouts to attack, builds of them, and an installation to ask."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(
    *command: object, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command; nothing is checked."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def succeed(*command: object, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed; its standard output."""
    done = run(*command, cwd=cwd, env=env)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copy_of_the_checkout(to: Path) -> Path:
    """What the working tree would be if it were committed now, as a git checkout of its own."""
    names = succeed(
        "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT
    ).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    succeed("git", "init", "--quiet", cwd=to)
    succeed("git", "add", "--all", cwd=to)
    return to


def build(kind: str, source: Path, out: Path) -> Path:
    """Build ``wheel`` or ``sdist`` of ``source`` into ``out``."""
    succeed(
        sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "-o", out, source, cwd=source
    )
    (made,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@dataclass(frozen=True)
class Installed:
    """opsbook in a virtual environment of its own, and an empty home and working directory."""

    prefix: Path
    home: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": f"{self.prefix}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "OPSBOOK_STATE": str(self.home / "state"),
        }

    def opsbook(self, *words: object) -> subprocess.CompletedProcess[str]:
        return run(self.prefix / "bin" / "opsbook", *words, cwd=self.home, env=self.env)

    def python(self, code: str) -> str:
        return succeed(self.prefix / "bin" / "python", "-c", code, cwd=self.home, env=self.env)
