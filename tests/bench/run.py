"""Runs all benchmarks on a lab of its own and writes docs/benchmarks.md.

python tests/bench/run.py [name ...]
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from figures import Figure

sys.path.append(str(Path(__file__).parents[1]))

ROOT = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("OPSBOOK_STATE", ROOT / ".state" / "bench")).absolute()
PAGE = ROOT / "docs" / "benchmarks.md"
NEEDS_LAB = {"collection", "playbook", "changes", "hardening"}
NAMES = ["cli", "ledger", "findings", "collection", "playbook", "changes", "hardening"]
"""In this order: the last one leaves hosts as it made them."""
LAB_HOSTS = 24

HEAD = """# Benchmarks

Written by `make bench`, or a part of it by `python tests/bench/run.py NAME ...`. Every figure is a
ratio against a baseline measured in the same run on the same machine; the least of several
measurements counts on both sides, because on a shared machine noise only adds.
"""

SECTION = """
## {name}

Measured {when} on {cores} cores, {system}, Python {python}.

| what | against | to reach | measured | reached | in numbers |
|---|---|---|---|---|---|
{rows}
"""


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all of them; 1 when a figure was not reached."""
    names = names or NAMES
    STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
    wants_lab = bool(NEEDS_LAB & set(names))
    if wants_lab:
        updates = ["--updates"] if "changes" in names else []
        _lab("up", "--hosts", str(LAB_HOSTS), *updates)
    try:
        reached = [_one(name) for name in names]
    finally:
        if wants_lab:
            _lab("down")
    return 0 if all(reached) else 1


def _one(name: str) -> bool:
    """Measure, tell, write down; whether all of it was reached."""
    print(f"-- {name}", flush=True)
    module = __import__(f"bench_{name}")
    figures = module.bench(STATE, STATE) if name in NEEDS_LAB else module.bench(STATE)
    section = _section(name, figures)
    print(section, flush=True)
    kept = {part.split("\n", 1)[0]: "\n## " + part.rstrip() + "\n"
            for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]}  # fmt: skip
    kept[name] = section
    PAGE.write_text(HEAD + "".join(kept[one] for one in NAMES if one in kept), encoding="utf-8")
    return all(figure.reached for figure in figures)


def _lab(*words: str) -> None:
    opsbook = Path(sys.executable).parent / "opsbook"
    env = os.environ | {"OPSBOOK_STATE": str(STATE)}
    subprocess.run([opsbook, "lab", *words], check=True, env=env)


def _section(name: str, figures: list[Figure]) -> str:
    rows = [
        f"| {f.what} | {f.baseline_of} | {f.goal} | {f.value:.2f} | "
        f"{'yes' if f.reached else '**no**'} | {f.detail} |"
        for f in figures
    ]
    return SECTION.format(
        name=name,
        when=datetime.now(UTC).date(),
        cores=os.cpu_count(),
        system=f"Linux {platform.release()}",
        python=platform.python_version(),
        rows="\n".join(rows),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
