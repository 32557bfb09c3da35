"""How quickly the command line answers, against ``ansible --version``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from figures import Figure, at_most, best, timed

BIN = Path(sys.executable).parent


def bench(state: Path) -> list[Figure]:
    """``opsbook --help`` and the newest 50 of 10,000 records."""
    from bench_ledger import fill

    from opsbook.model.places import Places

    home = state / "cli"
    shutil.rmtree(home, ignore_errors=True)
    fill(Places(home), 10_000, 2)
    env = {"OPSBOOK_STATE": str(home)}
    base = best(lambda: timed([BIN / "ansible", "--version"]).seconds, 5)
    rows = []
    for words in (["--help"], ["records", "list"]):
        ours = best(lambda words=words: timed([BIN / "opsbook", *words], env=env).seconds, 5)
        name = f"opsbook {' '.join(words)}"
        detail = f"{ours:.3f} s against {base:.3f} s"
        rows.append(at_most(name, "ansible --version", ours / base, 1.0, detail))
    return rows
