"""Exit codes of the command line, and which one wins when hosts differ."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """What a shell or cron sees. Stable: scripts depend on these numbers."""

    DONE = 0
    CHANGED = 2
    HOST_FAILED = 10
    HOST_UNREACHABLE = 11
    REFUSED = 12
    BUSY = 13
    INTERRUPTED = 14
    FAULT = 15
    USAGE = 64
    BAD_INPUT = 65
    OUR_BUG = 70


_SEVERITY = (
    Exit.OUR_BUG,
    Exit.FAULT,
    Exit.HOST_FAILED,
    Exit.HOST_UNREACHABLE,
    Exit.REFUSED,
    Exit.INTERRUPTED,
    Exit.BUSY,
)


def most_serious(codes: Iterable[Exit]) -> Exit:
    """The code that stands for a mixed result; ``DONE`` when nothing went wrong."""
    present = set(codes)
    for code in _SEVERITY:
        if code in present:
            return code
    return Exit.CHANGED if Exit.CHANGED in present else Exit.DONE
