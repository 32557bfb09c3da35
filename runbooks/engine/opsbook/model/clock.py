"""Time, read from an injected clock and only once per operation."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Port: wall time for what is recorded, monotonic time for how long things take."""

    def now(self) -> datetime:
        """Current time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""
        return time.monotonic()


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as kept in events: ``2026-11-21T08:41:00.000000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def unstamp(text: str) -> datetime:
    """Read back what :func:`stamp` wrote. Raises ValueError when it did not."""
    return datetime.fromisoformat(text)
