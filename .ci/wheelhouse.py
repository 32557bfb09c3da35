"""Make a directory with all an air-gapped site needs to install opsbook: ``make wheelhouse``.

Dependencies are those of ``.ci/lock/runtime.txt``, checked against its hashes; what is published
only as source is built into a wheel for this Python. The directory is replaced as a whole, and
only when everything in it is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / ".ci" / "lock" / "runtime.txt"


def make(directory: Path) -> None:
    """Fill ``directory``; what was there before is replaced at the end."""
    part = directory.with_name(directory.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _run("-m", "pip", "wheel", "--quiet", "--no-deps", "--require-hashes", "-r", str(LOCK),
         "--wheel-dir", str(part))  # fmt: skip
    _run("-m", "build", "--wheel", "--no-isolation", "--outdir", str(part), str(ROOT))
    wheels = sorted(part.glob("*.whl"))
    (part / "requirements.txt").write_text("".join(_requirement(wheel) for wheel in wheels))
    packages = subprocess.run(
        [ROOT / ".ci" / "system-packages", "--list"], check=True, capture_output=True, text=True
    ).stdout
    (part / "system-packages.txt").write_text(packages)
    (part / "INSTALL.md").write_text(_instructions(wheels), encoding="utf-8")
    files = sorted(file for file in part.iterdir() if file.is_file())
    sums = "".join(f"{_sha256(file)}  {file.name}\n" for file in files)
    (part / "SHA256SUMS").write_text(sums)
    shutil.rmtree(directory, ignore_errors=True)
    part.rename(directory)


def _run(*command: str) -> None:
    """Run Python quietly; its output is shown only when it fails."""
    done = subprocess.run(
        [sys.executable, *command], check=False, capture_output=True, text=True, env=_environment()
    )
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nThe wheelhouse was not made: {' '.join(command)}")


def _environment() -> dict[str, str]:
    """With the time of the commit, so that the same commit gives the same bytes."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return dict(os.environ)
    commit = subprocess.run(
        ["git", "-C", ROOT, "log", "-1", "--format=%ct"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    return {**os.environ, **({"SOURCE_DATE_EPOCH": commit} if commit else {})}


def _requirement(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name.replace('_', '-')}=={version} --hash=sha256:{_sha256(wheel)}\n"


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _instructions(wheels: list[Path]) -> str:
    text = (ROOT / ".ci" / "wheelhouse-INSTALL.md").read_text(encoding="utf-8")
    version = next(w.name.split("-")[1] for w in wheels if w.name.startswith("opsbook-"))
    python = f"CPython {sys.version_info.major}.{sys.version_info.minor}"
    for place, value in {
        "{version}": version,
        "{python}": python,
        "{platform}": sysconfig.get_platform(),
    }.items():
        text = text.replace(place, value)
    return text


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    make(target)
    print(f"{target}: {len(list(target.glob('*.whl')))} wheels; see INSTALL.md in it")
