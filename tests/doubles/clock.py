"""A clock that stands still until it is told to move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 21, 8, 41, tzinfo=UTC)


class FakeClock:
    """Port :class:`opsbook.model.clock.Clock`; set ``wall`` or ``ticks``, or ``advance``."""

    def __init__(self, wall: datetime = START, ticks: float = 0.0) -> None:
        self.wall = wall
        self.ticks = ticks

    def now(self) -> datetime:
        """The wall time it was set to, in UTC."""
        return self.wall.astimezone(UTC)

    def monotonic(self) -> float:
        """The monotonic seconds it was set to."""
        return self.ticks

    def advance(self, seconds: float) -> None:
        """Let both clocks go on by ``seconds``."""
        self.wall += timedelta(seconds=seconds)
        self.ticks += seconds
