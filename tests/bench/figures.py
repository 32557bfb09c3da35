"""A figure: what was measured, against what, and what is to be reached."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """``ours`` and ``baseline`` in ``unit``; ``reached`` by comparing ``value`` with the goal."""

    what: str
    baseline_of: str
    goal: str
    value: float
    reached: bool
    detail: str = ""


@dataclass(slots=True)
class Timed:
    """Seconds of wall time and peak resident memory (MiB) of one command."""

    seconds: float
    peak_mib: float
    output: bytes = field(default=b"", repr=False)


def timed(
    argv: Sequence[str | Path], *, env: dict[str, str] | None = None, ok: set[int] | None = None
) -> Timed:
    """Run one command to its end. Raises RuntimeError with its output when it failed.

    The peak is the largest resident set of the process itself (getrusage(2), ru_maxrss in KiB).
    """
    begun = time.monotonic()
    process = subprocess.Popen(
        [str(word) for word in argv],
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    assert process.stdout
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (ok or {0}):
        raise RuntimeError(f"{argv} ended with {code}: {output.decode(errors='replace')}")
    return Timed(time.monotonic() - begun, usage.ru_maxrss / 1024, output)


def best(measure: Callable[[], float], times: int) -> float:
    """The least of ``times`` measurements: on a shared machine noise only ever adds."""
    return min(measure() for _ in range(times))


def at_most(what: str, baseline_of: str, ratio: float, goal: float, detail: str = "") -> Figure:
    """A figure whose ratio has to stay at or under ``goal``."""
    return Figure(what, baseline_of, f"<= {goal} x", ratio, ratio <= goal, detail)


def at_least(what: str, baseline_of: str, ratio: float, goal: float, detail: str = "") -> Figure:
    """A figure whose ratio has to reach ``goal``."""
    return Figure(what, baseline_of, f">= {goal} x", ratio, ratio >= goal, detail)
