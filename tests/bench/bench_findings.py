"""Figures of findings: scanners' files read and normalised, against a bare parser on the same file.

``FINDINGS_MB=1000`` makes files of that size (ARF: half of it); the ratio hardly depends on it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import scanfiles
from figures import Figure

MEGABYTES = int(os.environ.get("FINDINGS_MB", "100"))
ROUNDS = 3
_MOST_KIB = 64 << 10

_READ = """
import sys, time
from pathlib import Path
from opsbook.domains.hardening.reading.intake import read_file
begun = time.process_time()
rows = sum(1 for _ in read_file(Path(sys.argv[1])))
print(time.process_time() - begun, rows, Path("/proc/self/status").read_text())
"""
_BARE = """
import sys, time
from pathlib import Path
from lxml import etree
begun, rows = time.process_time(), 0
for _, element in etree.iterparse(sys.argv[1], huge_tree=True):
    rows += 1
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]
print(time.process_time() - begun, rows, Path("/proc/self/status").read_text())
"""


def bench(state: Path) -> list[Figure]:
    """Reading a long Nessus report and a long ARF collection."""
    with tempfile.TemporaryDirectory(dir=state) as directory:
        return [
            _reading("Nessus", Path(directory) / "x", scanfiles.nessus, MEGABYTES),
            _reading("ARF", Path(directory) / "y", scanfiles.arf, MEGABYTES // 2),
        ]


def _reading(name: str, path: Path, make: Callable[[Path, int], int], megabytes: int) -> Figure:
    """Speed against ``lxml.etree.iterparse`` with clearing: processor time, the least of rounds."""
    made = make(path, megabytes * 1_000_000)
    ours, bare = zip(*((_run(_READ, path), _run(_BARE, path)) for _ in range(ROUNDS)), strict=True)
    seconds, kib = min(one[0] for one in ours), max(one[1] for one in ours)
    ratio = min(one[0] for one in bare) / seconds
    size = path.stat().st_size / 1e6
    path.unlink()
    return Figure(
        f"read and normalise {name}", "bare lxml iterparse", ">= 0.50 x, <= 64 MiB",
        ratio, ratio >= 0.5 and kib <= _MOST_KIB,
        f"{size:.0f} MB, {made} items or results in {seconds:.1f} s, {kib / 1024:.0f} MiB",
    )  # fmt: skip


def _run(code: str, path: Path) -> tuple[float, int]:
    """Seconds of processor time and peak memory in KiB of a process of its own."""
    told = subprocess.run(
        [sys.executable, "-c", code, path], check=True, capture_output=True, text=True
    ).stdout
    peak = re.search(r"VmHWM:\s+(\d+)", told)
    assert peak is not None
    return float(told.split()[0]), int(peak[1])
