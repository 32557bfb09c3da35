"""Figures of findings: scanners' files read, and read and stored, against a bare parser on them.

``FINDINGS_MB=1000`` makes files of that size (ARF: half of it); the ratios hardly depend on it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import scanfiles
from figures import Figure

MEGABYTES = int(os.environ.get("FINDINGS_MB", "100"))
ROUNDS = 3
_MOST_KIB = 64 << 10

_TIMED = """
import sys, time
from pathlib import Path
{before}
begun = time.process_time()
{measured}
print(time.process_time() - begun, Path("/proc/self/status").read_text())
"""
_READ = _TIMED.format(
    before="from opsbook.domains.hardening.reading.intake import read_file",
    measured="rows = sum(1 for _ in read_file(Path(sys.argv[1])))",
)
_STORED = _TIMED.format(
    before="""
from tempfile import TemporaryDirectory
from opsbook.domains.hardening.store.arriving import import_file
from opsbook.domains.hardening.store.database import Database
from opsbook.domains.hardening.store.importing import Intake
from opsbook.domains.hardening.store.keys import NoControls
from opsbook.model.clock import SystemClock
from opsbook.model.estate import Inventory
file = Path(sys.argv[1])
directory = TemporaryDirectory(dir=file.parent)
database, nobody = Database(Path(directory.name) / "findings.db"), Inventory((), "", file)
""",
    measured='import_file(file, Intake(database, "city", nobody, NoControls()), SystemClock())',
)
_BARE = _TIMED.format(
    before="from lxml import etree",
    measured="""
for _, element in etree.iterparse(sys.argv[1], huge_tree=True):
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]
""",
)


def bench(state: Path) -> list[Figure]:
    """A long Nessus report and a long ARF collection."""
    with tempfile.TemporaryDirectory(dir=state) as directory:
        return [
            *_of("Nessus", Path(directory) / "x", scanfiles.nessus, MEGABYTES),
            *_of("ARF", Path(directory) / "y", scanfiles.arf, MEGABYTES // 2),
        ]


def _of(
    name: str, path: Path, make: Callable[[Path, int], int], megabytes: int
) -> Iterator[Figure]:
    """Speed against ``lxml.etree.iterparse`` with clearing: processor time, the least of rounds."""
    made = make(path, megabytes * 1_000_000)
    size = f"{path.stat().st_size / 1e6:.0f} MB, {made} items or results"
    rounds = [[_run(code, path) for code in (_READ, _STORED, _BARE)] for _ in range(ROUNDS)]
    path.unlink()
    read, stored, bare = zip(*rounds, strict=True)
    least = min(seconds for seconds, _ in bare)
    for what, goal, ours in (("read and normalise", 0.5, read), ("read and store", 0.3, stored)):
        seconds, kib = min(one[0] for one in ours), max(one[1] for one in ours)
        yield Figure(
            f"{what} {name}", "bare lxml iterparse", f">= {goal:.2f} x, <= 64 MiB",
            least / seconds, least / seconds >= goal and kib <= _MOST_KIB,
            f"{size} in {seconds:.1f} s, {kib / 1024:.0f} MiB",
        )  # fmt: skip


def _run(code: str, path: Path) -> tuple[float, int]:
    """Seconds of processor time and peak memory in KiB of a process of its own."""
    told = subprocess.run(
        [sys.executable, "-c", code, path], check=True, capture_output=True, text=True
    ).stdout
    peak = re.search(r"VmHWM:\s+(\d+)", told)
    assert peak is not None
    return float(told.split()[0]), int(peak[1])
